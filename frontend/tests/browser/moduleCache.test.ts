// @vitest-environment node
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { RunFailure } from '../../src/browser/messages';
import { cacheCompiled, loadModule } from '../../src/browser/moduleCache';
import type { BrowserRun } from '../../src/lib/types';

/** The smallest modules: empty, and with only a name. */
const EMPTY = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
const NAMED = Uint8Array.of(...EMPTY, 0, 2, 1, 0x78);
const SIGNAL = new AbortController().signal;
const served = vi.fn<typeof fetch>();

async function runOf(wasm: Uint8Array<ArrayBuffer>, memoryMb = 1): Promise<BrowserRun> {
  const digest = Buffer.from(await crypto.subtle.digest('SHA-256', wasm)).toString('hex');
  return {
    wasm_url: '/api/v1/plugins/x/releases/1.0.0/wasm',
    sha256: digest,
    bounds: { memory_mb: memoryMb },
  } as BrowserRun;
}

beforeEach(() => {
  served.mockReset();
  vi.stubGlobal('fetch', served);
});

afterEach(() => {
  vi.unstubAllGlobals();
});

function serve(wasm: Uint8Array<ArrayBuffer>): void {
  served.mockImplementation(async () => new Response(wasm));
}

it('is fetched again only for other bytes or another limit', async () => {
  const [empty, named, larger] = [await runOf(EMPTY), await runOf(NAMED), await runOf(NAMED, 2)];
  serve(EMPTY);
  expect(await loadModule(empty, SIGNAL)).toEqual(EMPTY);
  await loadModule(empty, SIGNAL);
  expect(served).toHaveBeenCalledTimes(1);
  serve(NAMED);
  expect(await loadModule(named, SIGNAL)).toEqual(NAMED);
  await loadModule(larger, SIGNAL);
  expect(served).toHaveBeenCalledTimes(3);
  serve(EMPTY);
  expect(await loadModule(empty, SIGNAL)).toEqual(EMPTY);
  expect(served).toHaveBeenCalledTimes(4);
});

it('is replaced by the compiled module, for the same bytes and limit only', async () => {
  const [named, larger] = [await runOf(NAMED, 3), await runOf(NAMED, 4)];
  const compiled = new WebAssembly.Module(NAMED);
  serve(NAMED);
  await loadModule(named, SIGNAL);
  cacheCompiled(named, compiled);
  expect(await loadModule(named, SIGNAL)).toBe(compiled);
  expect(await loadModule(larger, SIGNAL)).toEqual(NAMED);
  // A worker that compiled slowly must not replace another module.
  cacheCompiled(named, compiled);
  expect(await loadModule(larger, SIGNAL)).toEqual(NAMED);
});

it('is refused, and not cached, if its hash is wrong', async () => {
  const run = await runOf(EMPTY, 5);
  serve(NAMED);
  await expect(loadModule(run, SIGNAL)).rejects.toThrow(RunFailure);
  serve(EMPTY);
  expect(await loadModule(run, SIGNAL)).toEqual(EMPTY);
});
