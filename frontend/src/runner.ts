// Runs one plugin function and tells what came of it, whatever the target.
import { callFunction } from './api';
import { asProblem, type ApiProblem } from './problem';
import { parseServerTiming, type Timing } from './timing';
import type { Target } from './types';

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

/** Runs where it is to run. Only an abort throws; every other failure is an outcome. */
export async function run(call: Call, target: Target, signal: AbortSignal): Promise<Outcome> {
  if (target === 'server') return runOnServer(call, signal);
  // Its own chunk: most visits run nothing in the browser.
  const { runInBrowser } = await import('./browser/run');
  return runInBrowser(call, signal);
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
