// Runs one function of one plugin once, with Extism's SDK. Where the SDK's host functions differ from those of the
// server's runtime, or are unbounded, ours replace them: prepareModule redirects the guest's imports to ours.
import createPlugin, { type CurrentPlugin } from '@extism/extism';
import { backtrace } from './backtrace';
import { GUEST_ORIGIN } from './hostAddress';
import { functionResult, functionRequest, guardRequest, sendSynchronously } from './hostRequests';
import {
  RunFailure,
  type End,
  type HostFunction,
  type HostResponse,
  type Job,
  type RunEnd,
} from './messages';
import { OURS } from './prepareModule';
import { wasiImports } from './wasi';

const PAGE_BYTES = 64 << 10;
const MAX_VARIABLE_BYTES = 1 << 20;
const MAX_ERROR_BYTES = 8000;
/** A trap with less memory left than this counts as out of memory: Rust, C and Go trap when an allocation fails. */
const NEARLY_FULL_BYTES = 2 << 20;
/** An address of the SDK is a block number and a 48-bit offset. A guest reads it as signed. */
const OFFSET_MASK = (1n << 48n) - 1n;
const FIRST_NEGATIVE = 1n << 63n;

type WithJSPI = typeof WebAssembly & {
  promising?: (exported: CallableFunction) => () => Promise<unknown>;
  Suspending?: unknown;
};
/** JavaScript Promise Integration suspends a guest while it waits for the host. Without it, the worker blocks. */
const jspi = WebAssembly as WithJSPI;
const promising = jspi.Suspending ? jspi.promising : undefined;
export const suspends = promising !== undefined;

/** Sends a host request through the page. */
export type Ask = (asked: Uint8Array<ArrayBuffer>, body: Uint8Array<ArrayBuffer>) => Promise<HostResponse>;
type Request = [asked: Uint8Array<ArrayBuffer>, body: Uint8Array<ArrayBuffer>];

/** `onCompiled` is called before any code of the guest runs, with the module if it was compiled here. */
export async function runGuest(
  job: Job,
  onCompiled: (module?: WebAssembly.Module) => void,
  ask: Ask,
): Promise<End> {
  const guest = new Guest(job, ask);
  if (job.wasm instanceof WebAssembly.Module) {
    onCompiled();
    return guest.run(job.wasm);
  }
  let module: WebAssembly.Module;
  try {
    module = await WebAssembly.compile(job.wasm);
  } catch (error) {
    return guest.ended('invalid', String(error));
  }
  onCompiled(module);
  return guest.run(module);
}

class Guest {
  private memory: WebAssembly.Memory | null = null;
  private inputAddress: bigint | null = null;
  private output: Span | null = null;
  private error: Span | null = null;
  private answer: HostResponse | null = null;
  /** The first failure in a host function. The guest must not be able to turn it into success. */
  private failure: RunFailure | null = null;
  private startMs = 0;
  private runMs = 0;
  private hostMs = 0;
  private callsLeft: number;
  private bytesLeft: number;

  constructor(
    private readonly job: Job,
    private readonly ask: Ask,
  ) {
    this.callsLeft = job.bounds.max_host_calls;
    this.bytesLeft = job.bounds.max_bridge_bytes;
  }

  async run(module: WebAssembly.Module): Promise<End> {
    const started = performance.now();
    let instance: WebAssembly.Instance;
    try {
      instance = await this.instantiate(module);
    } catch (error) {
      return this.ended('start_failed', asError(error).message);
    } finally {
      this.startMs = performance.now() - started;
    }
    const called = performance.now();
    try {
      const code = await this.call(instance);
      this.runMs = performance.now() - called;
      return this.result(code);
    } catch (error) {
      this.runMs = performance.now() - called;
      return this.broken(asError(error));
    }
  }

  ended(end: RunEnd, message = '', output = new Uint8Array()): End {
    const { startMs, hostMs } = this;
    return { end, message, output, startMs, runMs: Math.max(0, this.runMs - hostMs), hostMs };
  }

  private async instantiate(module: WebAssembly.Module): Promise<WebAssembly.Instance> {
    const { config, bounds, hostFunctions } = this.job;
    const plugin = await createPlugin(
      { wasm: [{ module }] },
      {
        useWasi: true,
        // Without a prototype, in which the SDK would find "constructor".
        config: Object.assign(Object.create(null), config, { host_url: GUEST_ORIGIN }),
        memory: { maxPages: pagesOf(bounds.memory_mb), maxVarBytes: MAX_VARIABLE_BYTES },
        functions: {
          [OURS]: {
            ...this.kernel(),
            ...this.http(),
            ...wasiImports(() => this.memory, suspends),
          },
          'extism:host/user': Object.fromEntries(
            hostFunctions.map((operation) => [operation.name, this.operation(operation)]),
          ),
        },
        // The SDK's own HTTP is disabled. The guest's imports do not use it anyway.
        allowedHosts: [],
        fetch: () => Promise.reject(new Error('The SDK sends nothing here.')),
        logLevel: 'silent',
        logger: SILENT,
      },
    );
    const instance = await plugin.getInstance();
    const { memory } = instance.exports;
    this.memory = memory instanceof WebAssembly.Memory ? memory : null;
    return instance;
  }

  private async call(instance: WebAssembly.Instance): Promise<number> {
    const exported = instance.exports[this.job.functionName];
    if (typeof exported !== 'function')
      throw new RunFailure('guest_error', `Function not found: ${this.job.functionName}`);
    // Not with the SDK's call(), which drops the function's return code.
    return Number((await (promising ? promising(exported)() : exported())) ?? 0);
  }

  private result(code: number): End {
    if (this.failure) return this.ended(this.failure.end, this.failure.message);
    if (this.error) return this.ended('guest_error', this.error.text());
    if (code !== 0)
      return this.ended('guest_error', `The plugin returned the error code ${code} and no text.`);
    const { max_output_bytes: most } = this.job.bounds;
    const size = this.output?.length ?? 0n;
    if (size > BigInt(most))
      return this.ended('output_too_large', `The output has ${size} bytes; ${most} are allowed.`);
    return this.ended('succeeded', '', this.output?.bytes());
  }

  private broken(error: Error): End {
    const failure = this.failure ?? (error instanceof RunFailure ? error : null);
    if (failure) return this.ended(failure.end, failure.message);
    // The guest reported an error before it trapped, as a panic hook does.
    if (this.error) return this.ended('guest_error', this.error.text());
    const left = pagesOf(this.job.bounds.memory_mb) * PAGE_BYTES - (this.memory?.buffer.byteLength ?? 0);
    if (error instanceof WebAssembly.RuntimeError && left < NEARLY_FULL_BYTES)
      return this.ended('memory', error.message);
    return this.ended('trap', backtrace(error));
  }

  /** The functions of Extism's kernel that concern the call: https://extism.org/docs/concepts/memory */
  private kernel() {
    const input = this.job.input;
    const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
    return {
      alloc: (context: CurrentPlugin, size: bigint) => this.allocate(context, BigInt.asUintN(64, size)),
      input_offset: (context: CurrentPlugin) => (this.inputAddress ??= this.give(context, input)),
      input_length: () => BigInt(input.length),
      input_load_u8: (_: CurrentPlugin, at: bigint) => (inside(at, 1, input) ? view.getUint8(Number(at)) : 0),
      input_load_u64: (_: CurrentPlugin, at: bigint) =>
        inside(at, 8, input) ? view.getBigUint64(Number(at), true) : 0n,
      output_set: (context: CurrentPlugin, address: bigint, length: bigint) => {
        this.output = Span.at(context, address, BigInt.asUintN(64, length)) ?? this.output;
      },
      error_set: (context: CurrentPlugin, address: bigint) => {
        this.error = address === 0n ? null : (Span.at(context, address) ?? this.error);
      },
      error_get: () => this.error?.address ?? 0n,
    };
  }

  private http() {
    const request = (context: CurrentPlugin, asked: bigint, body: bigint): Request => {
      const sent = bytesAt(context, body);
      this.countCall(sent.length);
      return [bytesAt(context, asked), sent];
    };
    const keep = (context: CurrentPlugin, answer: HostResponse) => {
      this.answer = answer;
      this.countBytes(answer.body.length);
      return this.give(context, answer.body);
    };
    return {
      http_request: suspends
        ? async (context: CurrentPlugin, asked: bigint, body: bigint) =>
            keep(context, await this.answered(request(context, asked, body)))
        : (context: CurrentPlugin, asked: bigint, body: bigint) =>
            keep(context, this.answeredSynchronously(request(context, asked, body))),
      http_status_code: () => this.answer?.status ?? 0,
      http_headers: (context: CurrentPlugin) => {
        const headers = this.answer ? { 'content-type': this.answer.contentType } : {};
        return this.give(context, new TextEncoder().encode(JSON.stringify(headers)));
      },
    };
  }

  /** A host function of the older interface: JSON in, JSON out, over the same path as HTTP. */
  private operation(operation: HostFunction) {
    const request = (context: CurrentPlugin, payload: bigint): Request | HostResponse => {
      const sent = bytesAt(context, payload);
      this.countCall(sent.length);
      return functionRequest(operation, sent);
    };
    const give = (context: CurrentPlugin, answer: HostResponse) => {
      const result = functionResult(answer);
      this.countBytes(result.length);
      return this.give(context, result);
    };
    return suspends
      ? async (context: CurrentPlugin, payload: bigint) =>
          give(context, await this.answered(request(context, payload)))
      : (context: CurrentPlugin, payload: bigint) =>
          give(context, this.answeredSynchronously(request(context, payload)));
  }

  private async answered(request: Request | HostResponse): Promise<HostResponse> {
    if ('status' in request) return request;
    const started = performance.now();
    const answer = await this.ask(...request);
    this.hostMs += performance.now() - started;
    return answer;
  }

  private answeredSynchronously(request: Request | HostResponse): HostResponse {
    if ('status' in request) return request;
    const { host } = this.job;
    if (!host) throw new Error('The page did not say how to ask the host.');
    const started = performance.now();
    const guarded = guardRequest(...request, host);
    const answer = 'url' in guarded ? sendSynchronously(guarded) : guarded;
    this.hostMs += performance.now() - started;
    return answer;
  }

  private countCall(bytes: number): void {
    this.callsLeft -= 1;
    if (this.callsLeft < 0) this.fail('max_host_calls');
    this.countBytes(bytes);
  }

  private countBytes(bytes: number): void {
    this.bytesLeft -= bytes;
    if (this.bytesLeft < 0) this.fail('max_bridge_kb');
  }

  /** Copies bytes to memory that the guest can read. 0 stands for no bytes, as on the server. */
  private give(context: CurrentPlugin, bytes: Uint8Array): bigint {
    if (bytes.length === 0) return 0n;
    const address = this.allocate(context, BigInt(bytes.length));
    context.read(address)?.bytes().set(bytes);
    return address;
  }

  /** Checks the size first: the SDK's alloc creates the block even if it then reports that memory is full. */
  private allocate(context: CurrentPlugin, size: bigint): bigint {
    const most = BigInt(pagesOf(this.job.bounds.memory_mb) * PAGE_BYTES);
    const address = size > most ? 0n : context.alloc(size);
    if (address > 0n && address < FIRST_NEGATIVE) return address;
    return this.fail('memory', 'the guest has no room left');
  }

  /** Ends the run, even if the guest catches the exception. */
  private fail(end: RunEnd, message = ''): never {
    throw (this.failure ??= new RunFailure(end, message));
  }
}

/** A part of the memory that guest and host share. Its content is read after the call. */
class Span {
  private constructor(
    private readonly block: Uint8Array,
    readonly address: bigint,
    readonly length: bigint,
  ) {}

  /** Null for an invalid address, which Extism ignores. */
  static at(context: CurrentPlugin, address: bigint, length?: bigint): Span | null {
    const block = context.read(address)?.bytes();
    const within = address & OFFSET_MASK;
    if (!block || within > BigInt(block.length)) return null;
    const rest = block.subarray(Number(within));
    return new Span(rest, address, length ?? BigInt(rest.length));
  }

  /** Throws RangeError, which counts as a trap, if it is longer than its block. */
  bytes(): Uint8Array<ArrayBuffer> {
    if (this.length > BigInt(this.block.length))
      throw new RangeError('The output ends outside of its block.');
    return this.block.slice(0, Number(this.length)) as Uint8Array<ArrayBuffer>;
  }

  /** The text up to a NUL, and up to a limit, as the server reads it. */
  text(): string {
    const end = this.block.indexOf(0);
    const bytes = this.block.subarray(0, Math.min(end < 0 ? Infinity : end, MAX_ERROR_BYTES));
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  }
}

const silence = () => undefined;
/** The part of a console that the SDK uses. */
const SILENT = { log: silence, info: silence, warn: silence, error: silence } as unknown as Console;

/** A copy, because the guest may change its memory. */
function bytesAt(context: CurrentPlugin, address: bigint): Uint8Array<ArrayBuffer> {
  const block = address === 0n ? null : context.read(address);
  return block?.bytes().slice(Number(address & OFFSET_MASK)) ?? new Uint8Array();
}

function inside(at: bigint, size: number, bytes: Uint8Array): boolean {
  return at >= 0n && at + BigInt(size) <= BigInt(bytes.length);
}

function pagesOf(megabytes: number): number {
  return (megabytes << 20) / PAGE_BYTES;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
