// A bundle before it is sent: what can be said about it without the server.
import { formatBytes } from './timing';

export type Picked = { ok: true; file: File } | { ok: false; reason: string };

/** The one file that was chosen or dropped, or what is wrong with it. */
export function pickBundle(files: readonly File[], maxBytes: number): Picked {
  const [file, second] = files;
  if (!file) return { ok: false, reason: 'That is no file. Choose a bundle: a .zip with plugin.json in it.' };
  if (second) return { ok: false, reason: 'Those are several files. Upload one bundle at a time.' };
  if (file.size === 0) return { ok: false, reason: `“${file.name}” is empty.` };
  if (file.size > maxBytes) {
    const [size, limit] = inWords(file.size, maxBytes);
    return {
      ok: false,
      reason: `“${file.name}” has ${size}. A bundle may have at most ${limit}.`,
    };
  }
  return { ok: true, file };
}

/** Two sizes, in bytes where rounded ones would be the same. */
function inWords(size: number, limit: number): [string, string] {
  const rounded: [string, string] = [formatBytes(size), formatBytes(limit)];
  return rounded[0] === rounded[1] ? [`${size} bytes`, `${limit} bytes`] : rounded;
}

/** Whether something that was dropped is a folder, which a browser hands over as an unreadable file. */
export function hasFolder(items: DataTransferItemList): boolean {
  return Array.from(items).some((item) => item.webkitGetAsEntry()?.isDirectory);
}

const NAMESPACES: Record<string, string> = {
  'extism:host/env': 'Extism itself: input, output, memory, HTTP by way of the server',
  'extism:host/user': 'Operations of the host API, as functions',
  wasi_snapshot_preview1: 'WASI, without files and network',
};

/** What a module takes from a namespace, in words. */
export function namespaceMeaning(namespace: string): string {
  return NAMESPACES[namespace] ?? 'Other functions';
}
