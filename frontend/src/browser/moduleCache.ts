// Caches the module of the last run for the next one. Another plugin, release or memory limit replaces it.
import { getWasm } from '../lib/api';
import type { BrowserRun } from '../lib/types';
import { RunFailure, type Job } from './messages';
import { prepareModule } from './prepareModule';

const PAGES_PER_MB = 16;

let cached: { key: string; wasm: Job['wasm'] } | null = null;

/** The run's module: compiled if a worker has done that before, otherwise its checked and prepared bytes. Throws RunFailure. */
export async function loadModule(run: BrowserRun, signal: AbortSignal): Promise<Job['wasm']> {
  const key = keyOf(run);
  if (cached?.key === key) return cached.wasm;
  const wasm = await getWasm(run, signal);
  if ((await sha256(wasm)) !== run.sha256)
    throw new RunFailure('invalid', 'its bytes are not those that were installed');
  const prepared = prepareModule(wasm, run.bounds.memory_mb * PAGES_PER_MB);
  cached = { key, wasm: prepared };
  return prepared;
}

/** Replaces the cached bytes with the module that a worker compiled from them. */
export function cacheCompiled(run: BrowserRun, module: WebAssembly.Module): void {
  if (cached?.key === keyOf(run)) cached.wasm = module;
}

/** Everything that the prepared module depends on. */
function keyOf({ sha256, bounds }: BrowserRun): string {
  return `${sha256}:${bounds.memory_mb}`;
}

async function sha256(data: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', data));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
