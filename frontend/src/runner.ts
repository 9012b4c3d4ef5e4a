// Runs one plugin function and tells what came of it, whatever the target.
import { callFunction } from './api';
import { asProblem, type ApiProblem } from './problem';
import { parseServerTiming, type Timing } from './timing';
import type { Execution, Target } from './types';

export interface Call {
  slug: string;
  name: string;
  body: string | Uint8Array<ArrayBuffer>;
  contentType: string;
}

export type Output =
  | { kind: 'json'; text: string; pretty: string; bytes: number }
  | { kind: 'text'; text: string; bytes: number }
  | { kind: 'binary'; data: Uint8Array<ArrayBuffer>; bytes: number };

export type Outcome = { executionId: string | null; timing: Timing | null } & (
  { ok: true; output: Output } | { ok: false; problem: ApiProblem }
);

/** The code of the problem that a browser which cannot run plugins gives itself. */
export const UNSUPPORTED = 'browser-unsupported';

/** Calls `onEnd` when the server tells that this execution has ended; returns how to stop listening. */
export type WatchEnd = (executionId: string, onEnd: (execution: Execution) => void) => () => void;

/**
 * Runs where it is to run. Only an abort throws; every other failure is an outcome, a run in this browser that
 * somebody ended from elsewhere among them.
 */
export async function run(
  call: Call,
  target: Target,
  signal: AbortSignal,
  watchEnd: WatchEnd,
): Promise<Outcome> {
  if (target === 'server') return runOnServer(call, signal);
  const { runInBrowser } = browserRuns ?? (await loadBrowserRuns());
  return runInBrowser(call, signal, watchEnd);
}

/** Makes ready for runs in this browser, until the function that it returns is called. */
export function keepReady(): () => void {
  let stopped = false;
  const stop = loadBrowserRuns().then(({ keepSpare }) => (stopped ? null : keepSpare()));
  // What cannot be loaded now is loaded, or told, when something is run.
  stop.catch(() => null);
  return () => {
    stopped = true;
    stop.then(
      (end) => end?.(),
      () => null,
    );
  };
}

/** Its own chunk: most visits run nothing in the browser. Once it is here, runs begin without waiting for it. */
let browserRuns: typeof import('./browser/run') | null = null;

async function loadBrowserRuns() {
  return (browserRuns ??= await import('./browser/run'));
}

/** Runs on the server. Only an abort throws; every other failure is an outcome. */
async function runOnServer(call: Call, signal: AbortSignal): Promise<Outcome> {
  try {
    const response = await callFunction(call, signal);
    const output = describeOutput(new Uint8Array(await response.arrayBuffer()));
    return {
      ok: true,
      output,
      executionId: response.headers.get('Execution-Id'),
      timing: parseServerTiming(response.headers.get('Server-Timing')),
    };
  } catch (error) {
    if (signal.aborted) throw error;
    const problem = asProblem(error);
    return { ok: false, problem, executionId: problem.executionId, timing: problem.timing };
  }
}

/** Decides how bytes can be shown: as JSON, as text, or not at all. */
export function describeOutput(data: Uint8Array<ArrayBuffer>): Output {
  const bytes = data.byteLength;
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(data);
  } catch {
    return { kind: 'binary', data, bytes };
  }
  try {
    return { kind: 'json', text, pretty: JSON.stringify(JSON.parse(text), null, 2), bytes };
  } catch {
    return { kind: 'text', text, bytes };
  }
}
