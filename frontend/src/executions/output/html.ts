// HTML in an output, and its preview.
import type { Output } from '../../lib/output';

const HTML =
  /^\s*(<!--|<!doctype html|<(html|head|body|h[1-6]|p|div|section|article|ul|ol|table|pre|blockquote)[\s>])/i;

/** The HTML to preview: the output itself, or a top-level string of its JSON. Null if there is none, or if it is incomplete. */
export function findHtml(output: Output): string | null {
  if (output.kind === 'binary' || !output.isWhole) return null;
  if (output.kind === 'text') return HTML.test(output.text) ? output.text : null;
  const value: unknown = JSON.parse(output.text);
  const texts = typeof value === 'object' && value !== null ? Object.values(value) : [value];
  return texts.find((text): text is string => typeof text === 'string' && HTML.test(text)) ?? null;
}

/**
 * A page for a sandboxed frame. The sandbox prevents scripts. The page's own policy prevents all requests, so that no
 * server learns that it was viewed.
 */
export function previewPage(html: string): string {
  const policy = "default-src 'none'; img-src data:";
  return `<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}">${html}`;
}
