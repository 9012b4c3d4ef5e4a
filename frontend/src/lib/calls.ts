// A call of a plugin function and its outcome, wherever it runs.
import type { Output } from './output';
import type { ApiProblem } from './problem';
import type { Timing } from './serverTiming';
import type { Execution } from './types';

export interface Call {
  slug: string;
  name: string;
  /** The bytes of a file are read when the run starts. */
  body: string | Uint8Array<ArrayBuffer> | Blob;
  contentType: string;
  /** For a run in the browser: keeps the plugin's error message from the server, because it may quote the input. */
  isPrivate?: boolean;
}

export type Outcome = { executionId: string | null; timing: Timing | null } & (
  { ok: true; output: Output } | { ok: false; problem: ApiProblem }
);

/** The problem code for a browser that cannot run plugins. */
export const UNSUPPORTED = 'browser-unsupported';

export function isUnsupported(outcome: Outcome): boolean {
  return !outcome.ok && outcome.problem.code === UNSUPPORTED;
}

/** Calls `onEnd` when the server reports that this execution has ended. Returns a function that stops this. */
export type WatchEnd = (executionId: string, onEnd: (execution: Execution) => void) => () => void;

/** The outcome of a call that failed. */
export function failed(problem: ApiProblem): Outcome {
  return { ok: false, problem, executionId: problem.executionId, timing: problem.timing };
}
