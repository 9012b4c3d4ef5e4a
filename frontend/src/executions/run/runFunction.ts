// Runs one plugin function and tells what came of it, whatever the target.
import { callFunction } from '../../lib/api';
import { failed, type Call, type Outcome, type WatchEnd } from '../../lib/calls';
import { isReadable } from '../../lib/files';
import { describeOutput } from '../../lib/output';
import { ApiProblem, asProblem } from '../../lib/problem';
import { parseServerTiming } from '../../lib/serverTiming';
import type { Target } from '../../lib/types';

interface Watching {
  /** Hears how much of a file is sent to the server, from 0 to 1. */
  onProgress?: (sent: number) => void;
  /** By which a run in this browser learns that somebody ended it from elsewhere; its outcome is a failure then. */
  watchEnd?: WatchEnd;
}

/**
 * Runs where it is to run. Only an abort throws; every other failure is an outcome.
 */
export async function run(
  call: Call,
  target: Target,
  signal: AbortSignal,
  { onProgress = () => undefined, watchEnd = () => () => undefined }: Watching = {},
): Promise<Outcome> {
  if (call.body instanceof Blob && !(await isReadable(call.body))) return failed(unreadable());
  if (target === 'server') return runOnServer(call, signal, onProgress);
  const loaded = browserRuns ?? (await loadBrowserRuns().catch(asProblem));
  return loaded instanceof ApiProblem ? failed(loaded) : loaded.runInBrowser(call, signal, watchEnd);
}

/** Makes ready for runs in this browser, until the function that it returns is called. */
export function prepareBrowserRuns(): () => void {
  let stopped = false;
  const stop = loadBrowserRuns().then(({ keepSpareWorker }) => (stopped ? null : keepSpareWorker()));
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
let browserRuns: typeof import('../../browser/runInBrowser') | null = null;

async function loadBrowserRuns() {
  return (browserRuns ??= await import('../../browser/runInBrowser'));
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

function unreadable(): ApiProblem {
  return new ApiProblem({
    code: 'file-unreadable',
    status: 0,
    title: 'The file cannot be read',
    detail: 'It was changed, moved or removed since it was chosen. Choose it again.',
  });
}
