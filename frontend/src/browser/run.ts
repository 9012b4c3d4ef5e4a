// The page's side of a run in this browser: it fetches and checks the module, starts a worker for this one run,
// bounds its time, and reports how it ended. The worker gets no cookie and the guest no token.
import { finishBrowserRun, getWasm, startBrowserRun } from '../api';
import { ApiProblem, asProblem, guestProblem, problemFromBody } from '../problem';
import { describeOutput, failed, UNSUPPORTED, type Call, type Outcome } from '../runner';
import type { BrowserRun } from '../types';
import { RunFailure, type End, type FromWorker, type Job } from './messages';
import { prepareModule } from './module';
import { whatIsMissing } from './support';

const LOAD_MS = 20_000;
const PAGES_PER_MB = 16;
const WITHHELD = 'What it said stayed in the browser.';
const NOTHING = { message: '', output: new Uint8Array(), startMs: 0, runMs: 0, hostMs: 0 };

/** Runs in this browser. Only an abort throws; every other failure is an outcome. */
export async function runInBrowser(call: Call, signal: AbortSignal): Promise<Outcome> {
  const missing = whatIsMissing();
  if (missing) return failed(unsupported(missing));
  const leaving = new AbortController();
  const leave = () => leaving.abort();
  // Leaving the page ends its workers without a word: tell of it while there is time.
  addEventListener('pagehide', leave, { once: true });
  const worker = new PluginWorker();
  try {
    return await runWith(worker, call, AbortSignal.any([signal, leaving.signal]));
  } catch (error) {
    if (signal.aborted) throw error;
    return failed(asProblem(error));
  } finally {
    worker.end();
    removeEventListener('pagehide', leave);
  }
}

async function runWith(worker: PluginWorker, call: Call, signal: AbortSignal): Promise<Outcome> {
  const began = performance.now();
  const input = await bytesOf(call.body);
  const run = await startBrowserRun(call.slug, call.name);
  let end: End;
  try {
    signal.throwIfAborted();
    if (input.length > run.bounds.max_input_bytes) throw new RunFailure('input_too_large', '');
    const wasm = await loadModule(run, signal);
    const job = jobOf(run, call, wasm, input);
    end = await worker.run(job, began, signal);
  } catch (error) {
    if (error instanceof RunFailure) end = { ...NOTHING, end: error.end, message: error.message };
    else {
      await report(run, { ...NOTHING, end: 'cancelled' }, input.length).catch(() => null);
      throw error;
    }
  }
  worker.end();
  // What a private call's guest says of its input is for this page alone.
  const isSecret = call.isPrivate && end.end === 'guest_error';
  const reported = report(run, isSecret ? { ...end, message: WITHHELD } : end, input.length);
  const executionId = run.execution_id;
  const timing = { queue: 0, start: end.startMs, run: end.runMs, host: end.hostMs };
  if (end.end === 'succeeded' || isSecret) {
    // The result is here already; that the record misses its end would be told by the record itself.
    reported.catch(() => null);
    if (isSecret) return { ok: false, problem: guestProblem(end.message), executionId, timing };
    return { ok: true, output: describeOutput(end.output), executionId, timing };
  }
  const { problem } = await reported;
  if (end.end === 'cancelled') throw signal.reason;
  return {
    ok: false,
    problem: problemFromBody(problem, problem?.status ?? 500, new Headers()),
    executionId,
    timing,
  };
}

async function bytesOf(body: Call['body']): Promise<Uint8Array<ArrayBuffer>> {
  if (body instanceof Blob) return new Uint8Array(await body.arrayBuffer());
  return typeof body === 'string' ? new TextEncoder().encode(body) : body;
}

function jobOf(run: BrowserRun, call: Call, wasm: Job['wasm'], input: Job['input']): Job {
  return {
    wasm,
    input,
    functionName: call.name,
    config: run.config,
    bounds: run.bounds,
    hostFunctions: run.host_functions,
    hostOrigin: new URL(run.host_url).origin,
    token: run.token,
  };
}

function report(run: BrowserRun, { end, message, output, startMs, runMs, hostMs }: End, inputBytes: number) {
  return finishBrowserRun(run, {
    end,
    message,
    input_bytes: inputBytes,
    output_bytes: output.length,
    start_ms: startMs,
    run_ms: runMs,
    host_ms: hostMs,
  });
}

let kept: { key: string; wasm: Job['wasm'] } | null = null;

/** The run's module, checked and prepared; the last one is kept. Throws RunFailure. */
async function loadModule(run: BrowserRun, signal: AbortSignal): Promise<Job['wasm']> {
  const key = `${run.sha256}:${run.bounds.memory_mb}`;
  if (kept?.key !== key) {
    const wasm = await getWasm(run, signal);
    if ((await sha256(wasm)) !== run.sha256)
      throw new RunFailure('invalid', 'its bytes are not those that were installed');
    kept = { key, wasm: prepareModule(wasm, run.bounds.memory_mb * PAGES_PER_MB) };
  }
  return kept.wasm;
}

async function sha256(data: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', data));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** One worker for one run. It is started at once, while the page still asks for the run. */
class PluginWorker {
  private readonly worker = new Worker(new URL('./plugin-worker.ts', import.meta.url), { type: 'module' });
  private readonly ready: Promise<void>;
  private tell: (message: FromWorker) => void = () => undefined;
  private fail: (error: Error) => void = () => undefined;

  constructor() {
    this.ready = new Promise((resolve, reject) => {
      this.fail = reject;
      this.tell = (message) => {
        if (message.type === 'ready' && message.isolated) resolve();
        else reject(unsupported('This browser does not shut a plugin’s worker off from the page.'));
      };
    });
    // Who waits for it may come later, or not at all.
    this.ready.catch(() => null);
    this.worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.tell(data);
    this.worker.onerror = (event) => {
      event.preventDefault();
      this.fail(
        unsupported(`The plugin’s worker could not be started: ${event.message || 'it did not load'}.`),
      );
    };
  }

  /** Throws what keeps it from running in this browser; how it ended is told otherwise. */
  async run(job: Job, began: number, signal: AbortSignal): Promise<End> {
    await this.ready;
    return new Promise((resolve, reject) => {
      let compiledAt = 0;
      const stop = (end: Partial<End> & Pick<End, 'end'>) => {
        clearTimeout(timer);
        this.end();
        resolve({ ...NOTHING, ...end });
      };
      let timer = setTimeout(() => {
        stop({ end: 'invalid', message: `${LOAD_MS / 1000} s for loading the module were up` });
      }, LOAD_MS);
      const outOfTime = () => stop({ end: 'timed_out', runMs: performance.now() - compiledAt });
      signal.addEventListener('abort', () => stop({ end: 'cancelled' }), { once: true });
      if (signal.aborted) stop({ end: 'cancelled' });
      this.fail = (error) => {
        clearTimeout(timer);
        reject(error);
      };
      this.tell = (message) => {
        if (message.type === 'compiled') {
          compiledAt = performance.now();
          clearTimeout(timer);
          timer = setTimeout(outOfTime, job.bounds.timeout_ms);
        } else if (message.type === 'end') {
          stop({ ...message, startMs: compiledAt - began + message.startMs });
        }
      };
      this.worker.postMessage(job);
    });
  }

  end(): void {
    this.worker.terminate();
  }
}

function unsupported(detail: string): ApiProblem {
  return new ApiProblem({ code: UNSUPPORTED, status: 0, title: 'This browser cannot run plugins', detail });
}
