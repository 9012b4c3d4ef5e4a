// A call of a plugin function and its outcome, wherever it runs.
import type { Output } from './output';
import type { ApiProblem } from './problem';
import type { Timing } from './serverTiming';
import type { Execution } from './types';

export interface Call {
  slug: string;
  name: string;
  /** A file goes as the bytes that it has when the run begins. */
  body: string | Uint8Array<ArrayBuffer> | Blob;
  contentType: string;
  /** Of a run in the browser the server is told no word of the plugin's: an error may quote the input. */
  isPrivate?: boolean;
}

export type Outcome = { executionId: string | null; timing: Timing | null } & (
  { ok: true; output: Output } | { ok: false; problem: ApiProblem }
);

/** The code of the problem that a browser which cannot run plugins gives itself. */
export const UNSUPPORTED = 'browser-unsupported';

export function isUnsupported(outcome: Outcome): boolean {
  return !outcome.ok && outcome.problem.code === UNSUPPORTED;
}

/** Calls `onEnd` when the server tells that this execution has ended; returns how to stop listening. */
export type WatchEnd = (executionId: string, onEnd: (execution: Execution) => void) => () => void;

/** A call that ended without a result of its own. */
export function failed(problem: ApiProblem): Outcome {
  return { ok: false, problem, executionId: problem.executionId, timing: problem.timing };
}
