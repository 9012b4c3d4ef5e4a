// The page's side of a run in this browser. It fetches and checks the module, passes it to a new worker, limits its time,
// and reports the end to the server. The worker gets no cookie, and the guest no token.
import { finishBrowserRun, getExecution, startBrowserRun } from '../lib/api';
import { failed, type Call, type Outcome, type WatchEnd } from '../lib/calls';
import { describeOutput } from '../lib/output';
import { asProblem, guestProblem, problemFromBody, type ApiProblem } from '../lib/problem';
import type { BrowserRun, Execution, Problem, RunReport } from '../lib/types';
import { RunFailure, type End, type Job } from './messages';
import { missingFeature } from './missingFeature';
import { cacheCompiled, loadModule } from './moduleCache';
import { NOTHING, renewSpare, takeWorker, unsupported, type PluginWorker } from './workerPool';

export { keepSpareWorker } from './workerPool';

const WITHHELD = 'The error message stayed in the browser.';

/** Only an abort throws; every other failure is an outcome. */
export async function runInBrowser(call: Call, signal: AbortSignal, watchEnd: WatchEnd): Promise<Outcome> {
  const missing = missingFeature();
  if (missing) return failed(unsupported(missing));
  const leaving = new AbortController();
  const leave = () => leaving.abort();
  // Leaving the page ends its workers silently: report the end while there is time.
  addEventListener('pagehide', leave, { once: true });
  const worker = takeWorker();
  try {
    return await runWith(worker, call, AbortSignal.any([signal, leaving.signal]), watchEnd);
  } catch (error) {
    if (signal.aborted) throw error;
    return failed(asProblem(error));
  } finally {
    worker.end();
    renewSpare();
    removeEventListener('pagehide', leave);
  }
}

async function runWith(
  worker: PluginWorker,
  call: Call,
  signal: AbortSignal,
  watchEnd: WatchEnd,
): Promise<Outcome> {
  const began = performance.now();
  const input = await bytesOf(call.body);
  const run = await startBrowserRun(call.slug, call.name);
  const endedElsewhere = new AbortController();
  let ended = null as Execution | null;
  const stopWatching = watchEnd(run.execution_id, (execution) => {
    ended = execution;
    endedElsewhere.abort();
  });
  let end: End = { ...NOTHING, end: 'cancelled' };
  try {
    end = await perform(
      worker,
      run,
      call.name,
      input,
      began,
      AbortSignal.any([signal, endedElsewhere.signal]),
    );
  } catch (error) {
    if (!ended) {
      await finishBrowserRun(run, reportOf(end, input.length)).catch(() => null);
      throw error;
    }
  } finally {
    stopWatching();
  }
  worker.end();
  const executionId = run.execution_id;
  const timing = { queue: 0, start: end.startMs, run: end.runMs, host: end.hostMs };
  if (ended) return { ok: false, problem: asApiProblem(ended.problem), executionId, timing };
  // The error message of a private call may quote the input: only this page gets it.
  const isSecret = call.isPrivate && end.end === 'guest_error';
  const report = () => finish(run, isSecret ? { ...end, message: WITHHELD } : end, input.length);
  if (end.end === 'succeeded' || isSecret) {
    // The result is shown first. If the report fails, the server's record shows the run without an end.
    afterRender(() => void report().catch(() => null));
    if (isSecret) return { ok: false, problem: guestProblem(end.message), executionId, timing };
    return { ok: true, output: describeOutput(end.output), executionId, timing };
  }
  const problem = asApiProblem(await report());
  if (end.end === 'cancelled') throw signal.reason;
  return { ok: false, problem, executionId, timing };
}

/** Runs the worker. Throws an abort, or the problem that prevents runs in this browser. */
async function perform(
  worker: PluginWorker,
  run: BrowserRun,
  functionName: string,
  input: Job['input'],
  began: number,
  signal: AbortSignal,
): Promise<End> {
  try {
    signal.throwIfAborted();
    if (input.length > run.bounds.max_input_bytes) throw new RunFailure('input_too_large', '');
    const job = {
      wasm: await loadModule(run, signal),
      input,
      functionName,
      config: run.config,
      bounds: run.bounds,
      hostFunctions: run.host_functions,
    };
    const host = { origin: new URL(run.host_url).origin, token: run.token };
    return await worker.run(job, host, began, signal, (module) => cacheCompiled(run, module));
  } catch (error) {
    if (error instanceof RunFailure) return { ...NOTHING, end: error.end, message: error.message };
    throw error;
  }
}

/** Acts as soon as the page has rendered the result, or when it is left. */
function afterRender(act: () => void): void {
  const now = () => {
    clearTimeout(timer);
    removeEventListener('pagehide', now);
    act();
  };
  const timer = setTimeout(now);
  addEventListener('pagehide', now);
}

async function bytesOf(body: Call['body']): Promise<Uint8Array<ArrayBuffer>> {
  if (body instanceof Blob) return new Uint8Array(await body.arrayBuffer());
  return typeof body === 'string' ? new TextEncoder().encode(body) : body;
}

/** Reports the end. Returns the problem that the server derives from it. */
async function finish(run: BrowserRun, end: End, inputBytes: number): Promise<Problem | null> {
  try {
    return (await finishBrowserRun(run, reportOf(end, inputBytes))).problem;
  } catch (error) {
    if (asProblem(error).code !== 'not-authenticated') throw error;
    // The token is no longer valid: the run was ended elsewhere, and the record says how.
    return (await getExecution(run.execution_id)).problem;
  }
}

function reportOf({ end, message, output, startMs, runMs, hostMs }: End, inputBytes: number): RunReport {
  return {
    end,
    message,
    input_bytes: inputBytes,
    output_bytes: output.length,
    start_ms: startMs,
    run_ms: runMs,
    host_ms: hostMs,
  };
}

function asApiProblem(problem: Execution['problem'] | Problem): ApiProblem {
  return problemFromBody(problem, problem?.status ?? 500, new Headers());
}
