// A file that somebody chose or dropped, before anything is sent or read.
import { formatBytes } from './format';

export type Picked = { ok: true; file: File } | { ok: false; reason: string };

/** The one file that was chosen or dropped, or what is wrong with it. `noun` says what it is to be. */
export function pickFile(files: readonly File[], maxBytes: number, noun = 'file'): Picked {
  const [file, second] = files;
  if (!file) return { ok: false, reason: `That is no file. Choose a ${noun}.` };
  if (second) return { ok: false, reason: `Those are several files. Choose one ${noun} at a time.` };
  if (file.size === 0) return { ok: false, reason: `“${file.name}” is empty.` };
  if (file.size > maxBytes) {
    const [size, limit] = inWords(file.size, maxBytes);
    return { ok: false, reason: `“${file.name}” has ${size}. A ${noun} may have at most ${limit}.` };
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

/** A file changes or goes away while its page is open; the browser then refuses to read it. */
export async function isReadable(file: Blob): Promise<boolean> {
  try {
    await file.slice(-1).arrayBuffer(); // at its end: in front there may be something made by the page
    return true;
  } catch {
    return false;
  }
}
