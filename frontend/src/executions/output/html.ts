// What can be shown of bytes that went into a function or came out of it.
import type { Output } from '../../lib/output';

const HTML =
  /^\s*(<!--|<!doctype html|<(html|head|body|h[1-6]|p|div|section|article|ul|ol|table|pre|blockquote)[\s>])/i;

/** HTML to preview: the output itself, or a text at the top of its JSON; null when there is none, or not all of it. */
export function findHtml(output: Output): string | null {
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
