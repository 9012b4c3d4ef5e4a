// Runs one plugin function and tells what came of it, whatever the target.
import { callFunction } from './api';
import { isReadable } from './files';
import { ApiProblem, asProblem } from './problem';
import { parseServerTiming, type Timing } from './timing';
import type { Target } from './types';

export interface Call {
  slug: string;
  name: string;
  /** A file goes as the bytes that it has when the run begins. */
  body: string | Uint8Array<ArrayBuffer> | Blob;
  contentType: string;
  /** Of a run in the browser the server is told no word of the plugin's: an error may quote the input. */
  isPrivate?: boolean;
}

/** What a function gave, byte for byte, and how it can be shown. */
export interface Output {
  /** Told from the beginning where that is all that was read. */
  kind: 'json' | 'text' | 'binary';
  data: Uint8Array<ArrayBuffer>;
  /** The data decoded: of huge data the beginning, of binary data nothing. */
  text: string;
  isWhole: boolean;
}

export type Outcome = { executionId: string | null; timing: Timing | null } & (
  { ok: true; output: Output } | { ok: false; problem: ApiProblem }
);

/** The code of the problem that a browser which cannot run plugins gives itself. */
export const UNSUPPORTED = 'browser-unsupported';

export function isUnsupported(outcome: Outcome): boolean {
  return !outcome.ok && outcome.problem.code === UNSUPPORTED;
}

/**
 * Runs where it is to run. Only an abort throws; every other failure is an outcome. `onProgress` hears how much of a file
 * is sent to the server, from 0 to 1.
 */
export async function run(
  call: Call,
  target: Target,
  signal: AbortSignal,
  onProgress: (sent: number) => void = () => undefined,
): Promise<Outcome> {
  if (call.body instanceof Blob && !(await isReadable(call.body))) return failed(unreadable());
  if (target === 'server') return runOnServer(call, signal, onProgress);
  // Its own chunk: most visits run nothing in the browser.
  const loaded = await import('./browser/run').catch(asProblem);
  return loaded instanceof ApiProblem ? failed(loaded) : loaded.runInBrowser(call, signal);
}

/** Runs on the server. Only an abort throws; every other failure is an outcome. */
async function runOnServer(
  call: Call,
  signal: AbortSignal,
  onProgress: (sent: number) => void,
): Promise<Outcome> {
  try {
    const response = await callFunction(call, signal, call.body instanceof Blob ? onProgress : undefined);
    const output = describeOutput(new Uint8Array(await response.arrayBuffer()));
    return {
      ok: true,
      output,
      executionId: response.headers.get('Execution-Id'),
      timing: parseServerTiming(response.headers.get('Server-Timing')),
    };
  } catch (error) {
    if (signal.aborted) throw error;
    return failed(asProblem(error));
  }
}

/** A call that ended without a result of its own. */
export function failed(problem: ApiProblem): Outcome {
  return { ok: false, problem, executionId: problem.executionId, timing: problem.timing };
}

function unreadable(): ApiProblem {
  return new ApiProblem({
    code: 'file-unreadable',
    status: 0,
    title: 'The file cannot be read',
    detail: 'It was changed, moved or removed since it was chosen. Choose it again.',
  });
}

/** To decode, parse and lay out more would freeze the page. */
const MOST_READ_BYTES = 1 << 20;
const BEGINNING_BYTES = 64 << 10;

/** Decides how bytes can be shown: as JSON, as text, or not at all. */
export function describeOutput(data: Uint8Array<ArrayBuffer>): Output {
  const isWhole = data.length <= MOST_READ_BYTES;
  const text = decode(isWhole ? data : data.subarray(0, BEGINNING_BYTES), isWhole);
  if (text === null) return { kind: 'binary', data, text: '', isWhole };
  const isJson = isWhole ? parses(text) : /^\s*[[{]/.test(text);
  return { kind: isJson ? 'json' : 'text', data, text, isWhole };
}

/** Null if it is not UTF-8. What is not whole may end within a character. */
function decode(data: Uint8Array, isWhole: boolean): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(data, { stream: !isWhole });
  } catch {
    return null;
  }
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
