// The worker of one run. Its file is served with a policy of its own (config/headers.py) that takes the page's origin
// from it: no cookies, no storage, no reading of the page's API. Where that does not hold, it runs nothing.
import { runGuest, suspends } from './guest';
import type { FromWorker, HostResponse, ToWorker } from './messages';

// V8 keeps ten frames by default; the frame that names the guest's function may lie deeper.
Error.stackTraceLimit = 50;

// The SDK makes WASI's random_get of Math.random, and guests make keys of that.
const pool = new Uint32Array(1024);
let taken = pool.length;
Math.random = () => {
  if (taken === pool.length) {
    crypto.getRandomValues(pool);
    taken = 0;
  }
  return (pool[taken++] ?? 0) / 2 ** 32;
};

const isolated = self.origin === 'null';

function tell(message: FromWorker, transfer: Transferable[] = []): void {
  self.postMessage(message, { transfer });
}

let answered: (answer: HostResponse) => void = () => undefined;

/** Has the page ask. A guest waits for one answer at a time. */
function ask(asked: Uint8Array<ArrayBuffer>, body: Uint8Array<ArrayBuffer>): Promise<HostResponse> {
  tell({ type: 'ask', asked, body }, [asked.buffer, body.buffer]);
  return new Promise((resolve) => (answered = resolve));
}

let used = false;
if (isolated) {
  self.onmessage = async ({ data }: MessageEvent<ToWorker>) => {
    if (data.type === 'answer') return answered(data.answer);
    // One run in a worker's life.
    if (used) return;
    used = true;
    const end = await runGuest(data.job, (module) => tell({ type: 'compiled', module }), ask);
    tell({ type: 'end', ...end }, [end.output.buffer]);
  };
}
tell({ type: 'ready', isolated, suspends });
