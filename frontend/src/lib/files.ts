// Checks of a file that was chosen or dropped, before it is sent or read.
import { formatBytes } from './format';

export type Picked = { ok: true; file: File } | { ok: false; reason: string };

/** The chosen or dropped file, or why it is refused. `noun` is the word for it in messages. */
export function pickFile(files: readonly File[], maxBytes: number, noun = 'file'): Picked {
  const [file, second] = files;
  if (!file) return { ok: false, reason: `That is not a file. Choose a ${noun}.` };
  if (second) return { ok: false, reason: `Those are several files. Choose one ${noun} at a time.` };
  if (file.size === 0) return { ok: false, reason: `“${file.name}” is empty.` };
  if (file.size > maxBytes) {
    const [size, limit] = formatSizes(file.size, maxBytes);
    return { ok: false, reason: `“${file.name}” is too large: ${size}. The limit is ${limit}.` };
  }
  return { ok: true, file };
}

/** Two sizes as text, in bytes if the rounded ones would be equal. */
function formatSizes(size: number, limit: number): [string, string] {
  const rounded: [string, string] = [formatBytes(size), formatBytes(limit)];
  return rounded[0] === rounded[1] ? [`${size} bytes`, `${limit} bytes`] : rounded;
}

/** Whether a dropped item is a folder. Browsers pass folders as unreadable files. */
export function hasFolder(items: DataTransferItemList): boolean {
  return Array.from(items).some((item) => item.webkitGetAsEntry()?.isDirectory);
}

/** False if the file was changed or deleted since it was chosen: the browser then refuses to read it. */
export async function isReadable(file: Blob): Promise<boolean> {
  try {
    await file.slice(-1).arrayBuffer(); // the end: the page may have put its own bytes in front
    return true;
  } catch {
    return false;
  }
}
