// The worker of one run. Its file is served with a policy of its own (config/headers.py) that takes the page's origin
// from it: no cookies, no storage, no reading of the page's API. Where that does not hold, it runs nothing.
import { runGuest } from './guest';
import type { FromWorker, Job } from './messages';

// V8 keeps ten frames by default; the frame that names the guest's function may lie deeper.
Error.stackTraceLimit = 50;

// The SDK makes WASI's random_get of Math.random, and guests make keys of that.
const pool = new Uint32Array(1024);
let used = pool.length;
Math.random = () => {
  if (used === pool.length) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  return (pool[used++] ?? 0) / 2 ** 32;
};

const isolated = self.origin === 'null';

function tell(message: FromWorker, transfer: Transferable[] = []): void {
  self.postMessage(message, { transfer });
}

if (isolated) {
  self.onmessage = async ({ data }: MessageEvent<Job>) => {
    // One run in a worker's life.
    self.onmessage = null;
    const end = await runGuest(data, () => tell({ type: 'compiled' }));
    tell({ type: 'end', ...end }, [end.output.buffer]);
  };
}
tell({ type: 'ready', isolated });
