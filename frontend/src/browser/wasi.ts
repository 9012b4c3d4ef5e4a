// The WASI functions for which the SDK's shim differs from the server: output is dropped, and sleep really sleeps.
// https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md

const SUCCESS = 0;
const BAD_FILE = 8;
const NOT_SUPPORTED = 58;
const STDERR = 2;
const SUBSCRIPTION_BYTES = 48;
const EVENT_BYTES = 32;
const CLOCK = 0;
const REALTIME = 0;
const ABSOLUTE = 1;

type Memory = () => WebAssembly.Memory | null;
type Import = (context: unknown, ...values: never[]) => unknown;

/** `memory` returns the guest's memory, or null until its instance exists. */
export function wasiImports(memory: Memory, canSuspend: boolean): Record<string, Import> {
  function write(_: unknown, file: number, vectors: number, count: number, written: number): number {
    const view = viewOf(memory);
    if (!view || file > STDERR) return BAD_FILE;
    let bytes = 0;
    for (let index = 0; index < count; index += 1) bytes += view.getUint32(vectors + 8 * index + 4, true);
    view.setUint32(written, bytes, true);
    return SUCCESS;
  }

  function plan(subscriptions: number, count: number): Wait | null {
    const view = viewOf(memory);
    if (!view || count < 1) return null;
    const waits = Array.from({ length: count }, (_, index) =>
      readSubscription(view, subscriptions + index * SUBSCRIPTION_BYTES),
    );
    return waits.reduce((first, next) => (next.ms < first.ms ? next : first));
  }

  function report(wait: Wait, events: number, count: number): number {
    const view = viewOf(memory);
    if (!view) return BAD_FILE;
    for (let offset = 0; offset < EVENT_BYTES; offset += 8) view.setBigUint64(events + offset, 0n, true);
    view.setBigUint64(events, wait.userData, true);
    view.setUint8(events + 10, wait.type);
    view.setUint32(count, 1, true);
    return SUCCESS;
  }

  function pollBusily(
    _: unknown,
    subscriptions: number,
    events: number,
    count: number,
    written: number,
  ): number {
    const wait = plan(subscriptions, count);
    if (!wait) return NOT_SUPPORTED;
    for (const end = performance.now() + wait.ms; performance.now() < end;);
    return report(wait, events, written);
  }

  async function poll(_: unknown, subscriptions: number, events: number, count: number, written: number) {
    const wait = plan(subscriptions, count);
    if (!wait) return NOT_SUPPORTED;
    // A longer timer would fire immediately. No run lasts this long.
    await new Promise((resolve) => setTimeout(resolve, Math.min(wait.ms, 2 ** 31 - 1)));
    return report(wait, events, written);
  }

  const notSupported = () => NOT_SUPPORTED;
  return {
    fd_write: write,
    fd_pwrite: notSupported,
    fd_allocate: notSupported,
    fd_filestat_set_size: notSupported,
    poll_oneoff: canSuspend ? poll : pollBusily,
  };
}

interface Wait {
  userData: bigint;
  type: number;
  ms: number;
}

function readSubscription(view: DataView, at: number): Wait {
  const userData = view.getBigUint64(at, true);
  const type = view.getUint8(at + 8);
  if (type !== CLOCK) return { userData, type, ms: 0 };
  const timeoutMs = Number(view.getBigUint64(at + 24, true)) / 1e6;
  if (view.getUint16(at + 40, true) !== ABSOLUTE) return { userData, type, ms: timeoutMs };
  const now = view.getUint32(at + 16, true) === REALTIME ? Date.now() : performance.now();
  return { userData, type, ms: Math.max(0, timeoutMs - now) };
}

function viewOf(memory: Memory): DataView | null {
  const buffer = memory()?.buffer;
  return buffer ? new DataView(buffer) : null;
}
