// Runs a plugin function on the server or in this browser.
import { callFunction } from '../../lib/api';
import { failed, type Call, type Outcome, type WatchEnd } from '../../lib/calls';
import { isReadable } from '../../lib/files';
import { describeOutput } from '../../lib/output';
import { ApiProblem, asProblem } from '../../lib/problem';
import { parseServerTiming } from '../../lib/serverTiming';
import type { Target } from '../../lib/types';

interface RunOptions {
  /** Called with the part of a file that has been sent to the server, from 0 to 1. */
  onProgress?: (sent: number) => void;
  /** How a run in this browser learns that it was ended from elsewhere; its outcome is then a failure. */
  watchEnd?: WatchEnd;
}

/** Only an abort throws; every other failure is an outcome. */
export async function run(
  call: Call,
  target: Target,
  signal: AbortSignal,
  { onProgress = () => undefined, watchEnd = () => () => undefined }: RunOptions = {},
): Promise<Outcome> {
  if (call.body instanceof Blob && !(await isReadable(call.body))) return failed(unreadable());
  if (target === 'server') return runOnServer(call, signal, onProgress);
  const loaded = browserRuns ?? (await loadBrowserRuns().catch(asProblem));
  return loaded instanceof ApiProblem ? failed(loaded) : loaded.runInBrowser(call, signal, watchEnd);
}

/** Prepares for runs in this browser, until the returned function is called. */
export function prepareBrowserRuns(): () => void {
  let stopped = false;
  const stop = loadBrowserRuns().then(({ keepSpareWorker }) => (stopped ? null : keepSpareWorker()));
  // After a failure, the next run tries to load it again and reports the error.
  stop.catch(() => null);
  return () => {
    stopped = true;
    stop.then(
      (end) => end?.(),
      () => null,
    );
  };
}

/** A separate chunk, because most visits run nothing in the browser. Once loaded, runs start without delay. */
let browserRuns: typeof import('../../browser/runInBrowser') | null = null;

async function loadBrowserRuns() {
  return (browserRuns ??= await import('../../browser/runInBrowser'));
}

/** Only an abort throws; every other failure is an outcome. */
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

function unreadable(): ApiProblem {
  return new ApiProblem({
    code: 'file-unreadable',
    status: 0,
    title: 'The file cannot be read',
    detail: 'It was changed, moved or deleted after you chose it. Choose it again.',
  });
}
