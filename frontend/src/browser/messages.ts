// The messages between the page and the worker of a run.
import type { components } from '../generated/public';

type Schemas = components['schemas'];

export type RunEnd = Schemas['RunEnd'];
export type HostFunction = Schemas['HostFunction'];
export type Bounds = Schemas['Bounds'];

/** Everything that a worker receives. */
export interface Job {
  /** Bytes that the page has checked against their SHA-256 and prepared, or the module that an earlier worker compiled. */
  wasm: Uint8Array<ArrayBuffer> | WebAssembly.Module;
  functionName: string;
  input: Uint8Array<ArrayBuffer>;
  config: Record<string, string>;
  bounds: Bounds;
  hostFunctions: HostFunction[];
  /** For a worker that must send host requests itself; null if the page sends them. The guest never sees it. */
  host: Host | null;
}

/** The origin of the host API, and the run's token for it. */
export interface Host {
  origin: string;
  token: string;
}

/** The host's response to a request of the guest. */
export interface HostResponse {
  status: number;
  contentType: string;
  body: Uint8Array<ArrayBuffer>;
}

export type ToWorker =
  /** The run. Always the first message. */
  | { type: 'job'; job: Job }
  /** The response to the last `ask`. */
  | { type: 'answer'; answer: HostResponse };

/** How a run ended. `message` is the error text of the guest or the runtime; times are in milliseconds. */
export interface End {
  end: RunEnd;
  message: string;
  output: Uint8Array<ArrayBuffer>;
  startMs: number;
  runMs: number;
  hostMs: number;
}

export type FromWorker =
  /** Whether the worker is isolated from the page's origin (if not, it must not be used), and whether it can suspend a guest. */
  | { type: 'ready'; isolated: boolean; suspends: boolean }
  /** The guest's time limit starts now. Includes the module if it was compiled here, because the page may not compile. */
  | { type: 'compiled'; module?: WebAssembly.Module }
  /** An unchecked request of the guest. The page checks it, sends it and returns the response. */
  | { type: 'ask'; asked: Uint8Array<ArrayBuffer>; body: Uint8Array<ArrayBuffer> }
  | ({ type: 'end' } & End);

/** A failure before the guest runs, or in one of our host functions. */
export class RunFailure extends Error {
  constructor(
    readonly end: RunEnd,
    message: string,
  ) {
    super(message);
  }
}
