// The page's side of the workers: one for each run, and a spare one for the next run.
import { UNSUPPORTED } from '../lib/calls';
import { ApiProblem } from '../lib/problem';
import { guardRequest, send } from './hostRequests';
import type { End, FromWorker, Host, HostResponse, Job, ToWorker } from './messages';

const LOAD_MS = 20_000;
/** After a run, the result is shown first. Then the next worker is started. */
const RENEW_MS = 100;
export const NOTHING = { message: '', output: new Uint8Array(), startMs: 0, runMs: 0, hostMs: 0 };

let spare: PluginWorker | null = null;
let holders = 0;

/** Keeps a spare worker for the next run, until the returned function is called. */
export function keepSpareWorker(): () => void {
  holders += 1;
  startSpare();
  return () => {
    holders -= 1;
    if (holders > 0) return;
    spare?.end();
    spare = null;
  };
}

/** A worker that has not run anything. The caller must end it. */
export function takeWorker(): PluginWorker {
  const ready = spare?.usable ? spare : null;
  spare = null;
  return ready ?? new PluginWorker();
}

/** Starts a spare worker for the next run, if one is wanted. */
export function renewSpare(): void {
  setTimeout(startSpare, RENEW_MS);
}

function startSpare(): void {
  if (holders > 0) spare ??= new PluginWorker();
}

/** A worker for one run. It starts immediately, before there is a job. */
export class PluginWorker {
  private readonly worker = new Worker(new URL('./plugin-worker.ts', import.meta.url), { type: 'module' });
  private readonly ready: Promise<{ suspends: boolean }>;
  private state: 'fresh' | 'used' | 'failed' = 'fresh';
  private tell: (message: FromWorker) => void = () => undefined;
  private fail: (error: Error) => void = () => undefined;

  constructor() {
    this.ready = new Promise((resolve, reject) => {
      this.fail = (error) => {
        this.state = 'failed';
        reject(error);
      };
      this.tell = (message) => {
        if (message.type === 'ready' && message.isolated) resolve(message);
        else this.fail(unsupported('This browser does not isolate a plugin’s worker from the page.'));
      };
    });
    // Nobody may wait for it, which would count as an unhandled rejection.
    this.ready.catch(() => null);
    this.worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.tell(data);
    this.worker.onerror = (event) => {
      event.preventDefault();
      this.fail(
        unsupported(`The plugin’s worker could not be started: ${event.message || 'it did not load'}.`),
      );
    };
  }

  /** It has not run anything and has not failed. */
  get usable(): boolean {
    return this.state === 'fresh';
  }

  /**
   * Runs the worker's only job. `began` is the start of the run as performance.now(). `onCompiled` receives the module if
   * the worker had to compile it. Throws the problem that prevents runs in this browser; resolves with every other end.
   */
  async run(
    job: Omit<Job, 'host'>,
    host: Host,
    began: number,
    signal: AbortSignal,
    onCompiled: (module: WebAssembly.Module) => void,
  ): Promise<End> {
    if (this.state === 'used') throw new Error('A worker runs one job.');
    this.state = 'used';
    const { suspends } = await this.ready;
    const runEnded = new AbortController();
    return new Promise((resolve, reject) => {
      let compiledAt = 0;
      const stop = (end: Partial<End> & Pick<End, 'end'>) => {
        clearTimeout(timer);
        runEnded.abort();
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
        runEnded.abort();
        reject(error);
      };
      this.tell = (message) => {
        if (message.type === 'compiled' && compiledAt === 0) {
          compiledAt = performance.now();
          clearTimeout(timer);
          timer = setTimeout(outOfTime, job.bounds.timeout_ms);
          // Only from this first message, which was sent before any code of the guest ran.
          if (message.module) onCompiled(message.module);
        } else if (message.type === 'ask') {
          void this.answer(message.asked, message.body, host, runEnded.signal);
        } else if (message.type === 'end') {
          stop({ ...message, startMs: compiledAt - began + message.startMs });
        }
      };
      this.post({ type: 'job', job: { ...job, host: suspends ? null : host } });
    });
  }

  end(): void {
    this.worker.terminate();
  }

  /** Sends a guest's request with the run's token, which the guest and the worker do not have. */
  private async answer(asked: Uint8Array, body: Uint8Array, host: Host, signal: AbortSignal): Promise<void> {
    const guarded = guardRequest(asked, body, host);
    const answer: HostResponse = 'url' in guarded ? await send(guarded, signal) : guarded;
    this.post({ type: 'answer', answer });
  }

  private post(message: ToWorker): void {
    this.worker.postMessage(message);
  }
}

export function unsupported(detail: string): ApiProblem {
  return new ApiProblem({ code: UNSUPPORTED, status: 0, title: 'This browser cannot run plugins', detail });
}
