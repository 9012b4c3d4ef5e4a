// The page's side of a run in this browser: it fetches and checks the module, hands it to a worker for this one run,
// bounds its time, and reports how it ended. The worker gets no cookie and the guest no token.
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

const WITHHELD = 'What it said stayed in the browser.';

/** Runs in this browser. Only an abort throws; every other failure is an outcome. */
export async function runInBrowser(call: Call, signal: AbortSignal, watchEnd: WatchEnd): Promise<Outcome> {
  const missing = missingFeature();
  if (missing) return failed(unsupported(missing));
  const leaving = new AbortController();
  const leave = () => leaving.abort();
  // Leaving the page ends its workers without a word: tell of it while there is time.
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
  const elsewhere = new AbortController();
  let ended = null as Execution | null;
  const stopWatching = watchEnd(run.execution_id, (execution) => {
    ended = execution;
    elsewhere.abort();
  });
  let end: End = { ...NOTHING, end: 'cancelled' };
  try {
    end = await perform(worker, run, call.name, input, began, AbortSignal.any([signal, elsewhere.signal]));
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
  // What a private call's guest says of its input is for this page alone.
  const isSecret = call.isPrivate && end.end === 'guest_error';
  const report = () => finish(run, isSecret ? { ...end, message: WITHHELD } : end, input.length);
  if (end.end === 'succeeded' || isSecret) {
    // The result is here already, and shown first; that the record misses its end would be told by the record itself.
    onceShown(() => void report().catch(() => null));
    if (isSecret) return { ok: false, problem: guestProblem(end.message), executionId, timing };
    return { ok: true, output: describeOutput(end.output), executionId, timing };
  }
  const problem = asApiProblem(await report());
  if (end.end === 'cancelled') throw signal.reason;
  return { ok: false, problem, executionId, timing };
}

/** The run itself. Throws an abort, or what keeps it from running in this browser. */
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

/** Does it as soon as the page has rendered what came of the run, or is left. */
function onceShown(act: () => void): void {
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

/** Reports the end; what the server makes of it. */
async function finish(run: BrowserRun, end: End, inputBytes: number): Promise<Problem | null> {
  try {
    return (await finishBrowserRun(run, reportOf(end, inputBytes))).problem;
  } catch (error) {
    if (asProblem(error).code !== 'not-authenticated') throw error;
    // Its token is worthless: somebody else ended it just now, and the record says how.
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
