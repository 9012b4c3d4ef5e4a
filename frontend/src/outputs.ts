// What can be shown of bytes that went into a function or came out of it.
import { describeOutput, type Output } from './runner';
import type { Kept } from './types';

/** What the history kept, as a call would have answered it. */
export function keptOutput({ encoding, content }: Kept): Output {
  return describeOutput(
    encoding === 'text'
      ? new TextEncoder().encode(content)
      : Uint8Array.from(atob(content), (byte) => byte.charCodeAt(0)),
  );
}

const HTML =
  /^\s*(<!--|<!doctype html|<(html|head|body|h[1-6]|p|div|section|article|ul|ol|table|pre|blockquote)[\s>])/i;

/** HTML to preview: the output itself, or a text at the top of its JSON; null when there is none, or not all of it. */
export function htmlIn(output: Output): string | null {
  if (output.kind === 'binary' || !output.isWhole) return null;
  if (output.kind === 'text') return HTML.test(output.text) ? output.text : null;
  const value: unknown = JSON.parse(output.text);
  const texts = typeof value === 'object' && value !== null ? Object.values(value) : [value];
  return texts.find((text): text is string => typeof text === 'string' && HTML.test(text)) ?? null;
}

/**
 * A page for a sandboxed frame. The sandbox keeps it from running anything; its own policy also keeps it from
 * asking any server for anything, so that looking at it tells nobody.
 */
export function previewPage(html: string): string {
  const policy = "default-src 'none'; img-src data:";
  return `<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}">${html}`;
}

const SIGNATURES: [name: string, bytes: number[]][] = [
  ['PNG image', [0x89, 0x50, 0x4e, 0x47]],
  ['JPEG image', [0xff, 0xd8, 0xff]],
  ['GIF image', [0x47, 0x49, 0x46, 0x38]],
  ['PDF document', [0x25, 0x50, 0x44, 0x46]],
  ['ZIP archive', [0x50, 0x4b, 0x03, 0x04]],
  ['gzip archive', [0x1f, 0x8b]],
  ['WebAssembly module', [0x00, 0x61, 0x73, 0x6d]],
];

/** What the bytes begin like. */
export function kindOfBytes(data: Uint8Array): string {
  const found = SIGNATURES.find(([, bytes]) => bytes.every((byte, index) => data[index] === byte));
  return found?.[0] ?? 'Binary data';
}

const PER_LINE = 16;

/** The first `lines` lines of a hex dump: place, bytes, and the ASCII among them. */
export function hexDump(data: Uint8Array, lines: number): string {
  const dump: string[] = [];
  for (let start = 0; start < data.length && dump.length < lines; start += PER_LINE) {
    const row = Array.from(data.subarray(start, start + PER_LINE));
    const hex = row.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = row.map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : '.')).join('');
    dump.push(`${start.toString(16).padStart(4, '0')}  ${hex.padEnd(3 * PER_LINE - 1)}  ${text}`);
  }
  return dump.join('\n');
}
