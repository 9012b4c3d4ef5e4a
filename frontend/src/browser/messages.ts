// What the page and the worker of one run say to each other.
import type { components } from '../generated/public';

type Schemas = components['schemas'];

export type RunEnd = Schemas['RunEnd'];
export type HostFunction = Schemas['HostFunction'];
export type Bounds = Schemas['Bounds'];

/** All that a worker knows. The token is for the worker: the guest never sees it. */
export interface Job {
  /** Compiled as it is: checked against its sha256 and prepared by the page. */
  wasm: Uint8Array<ArrayBuffer>;
  functionName: string;
  input: Uint8Array<ArrayBuffer>;
  config: Record<string, string>;
  bounds: Bounds;
  hostFunctions: HostFunction[];
  /** The origin that serves the host API. */
  hostOrigin: string;
  token: string;
}

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
  /** The worker is shut off from the page's origin, or must not be used. */
  | { type: 'ready'; isolated: boolean }
  /** The module is compiled; from now on the guest's own time counts. */
  | { type: 'compiled' }
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
