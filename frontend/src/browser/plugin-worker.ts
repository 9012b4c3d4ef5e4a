// The worker of one run. Its file is served with its own policy (config/headers.py), which gives it an opaque origin: no
// cookies, no storage, no access to the page's API. If that is not in force, it runs nothing.
import { runGuest, suspends } from './guest';
import type { FromWorker, HostResponse, ToWorker } from './messages';

// V8 keeps ten frames by default. The frame with the guest's function may be deeper.
Error.stackTraceLimit = 50;

// The SDK implements WASI's random_get with Math.random, and guests generate keys with it.
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

function post(message: FromWorker, transfer: Transferable[] = []): void {
  self.postMessage(message, { transfer });
}

let resolveRequest: (answer: HostResponse) => void = () => undefined;

/** Sends a host request through the page. A guest waits for one response at a time. */
function ask(asked: Uint8Array<ArrayBuffer>, body: Uint8Array<ArrayBuffer>): Promise<HostResponse> {
  post({ type: 'ask', asked, body }, [asked.buffer, body.buffer]);
  return new Promise((resolve) => (resolveRequest = resolve));
}

let used = false;
if (isolated) {
  self.onmessage = async ({ data }: MessageEvent<ToWorker>) => {
    if (data.type === 'answer') return resolveRequest(data.answer);
    // A worker runs one job only.
    if (used) return;
    used = true;
    const end = await runGuest(data.job, (module) => post({ type: 'compiled', module }), ask);
    post({ type: 'end', ...end }, [end.output.buffer]);
  };
}
post({ type: 'ready', isolated, suspends });
