// What the page and the worker of one run say to each other.
import type { components } from '../generated/public';

type Schemas = components['schemas'];

export type RunEnd = Schemas['RunEnd'];
export type HostFunction = Schemas['HostFunction'];
export type Bounds = Schemas['Bounds'];

/** All that a worker knows. */
export interface Job {
  /** Checked against its sha256 and prepared by the page; a module, if a worker of an earlier run compiled it. */
  wasm: Uint8Array<ArrayBuffer> | WebAssembly.Module;
  functionName: string;
  input: Uint8Array<ArrayBuffer>;
  config: Record<string, string>;
  bounds: Bounds;
  hostFunctions: HostFunction[];
  /** For a worker that has to ask the host itself; where the page can ask, null. The guest never sees it. */
  host: Host | null;
}

/** The origin that serves the host API, and the run's token for it. */
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
  /** The one run. It is the first message. */
  | { type: 'job'; job: Job }
  /** To the last `ask`. */
  | { type: 'answer'; answer: HostResponse };

/** How a run ended. `message` is the guest's error text or the runtime's; times are milliseconds. */
export interface End {
  end: RunEnd;
  message: string;
  output: Uint8Array<ArrayBuffer>;
  startMs: number;
  runMs: number;
  hostMs: number;
}

export type FromWorker =
  /** It is shut off from the page's origin, or must not be used; and whether a guest can wait while the page asks. */
  | { type: 'ready'; isolated: boolean; suspends: boolean }
  /** From now on the guest's own time counts. With the module, if it had to be compiled: the page may not. */
  | { type: 'compiled'; module?: WebAssembly.Module }
  /** A request of the guest's, as it is: the page guards it, sends it and answers. */
  | { type: 'ask'; asked: Uint8Array<ArrayBuffer>; body: Uint8Array<ArrayBuffer> }
  | ({ type: 'end' } & End);

/** A failure that is known before the guest runs, or that our own host functions raise. */
export class RunFailure extends Error {
  constructor(
    readonly end: RunEnd,
    message: string,
  ) {
    super(message);
  }
}
