// What the page of the plugin "convert" knows of it: its formats and how it takes a file.
import type { Call } from '../lib/calls';
import type { Output } from '../lib/output';

export const SLUG = 'convert';
export const CONVERT = 'convert_file';
export const DETECT = 'detect';

export type Source = 'csv' | 'json' | 'yaml' | 'toml' | 'markdown';
export type Format = 'csv' | 'json' | 'yaml' | 'toml' | 'html';

export const TITLE: Record<Source | Format, string> = {
  csv: 'CSV',
  json: 'JSON',
  yaml: 'YAML',
  toml: 'TOML',
  markdown: 'Markdown',
  html: 'HTML',
};
export const SOURCES: Source[] = ['csv', 'json', 'yaml', 'toml', 'markdown'];

// To write a format anew is possible, and the last thing that somebody wants.
const FORMATS_FOR: Record<Source, [Format, ...Format[]]> = {
  csv: ['json', 'yaml', 'toml', 'csv'],
  json: ['yaml', 'csv', 'toml', 'json'],
  yaml: ['json', 'csv', 'toml', 'yaml'],
  toml: ['json', 'yaml', 'csv', 'toml'],
  markdown: ['html'],
};

/** What a source can become, the likeliest first; anything, as long as it is not known. */
export function formatsFor(source: Source | null): [usual: Format, ...others: Format[]] {
  if (source === null) return ['json', 'yaml', 'csv', 'toml', 'html'];
  return FORMATS_FOR[source];
}

/** What `detect` found. */
export interface Detected {
  format: Source;
  /** Unless nothing else fits better. */
  isSure: boolean;
  reason: string;
}

/** Room for the line of options in front of a file. */
export const OPTIONS_BYTES = 1000;

/** As much as `detect` looks at. */
export const DETECT_BYTES = 64 << 10;

export function detection(text: string): Call {
  const body = JSON.stringify({ text });
  return { slug: SLUG, name: DETECT, body, contentType: 'application/json', isPrivate: true };
}

/** What the plugin said of a text; null if it is nothing that this page knows. */
export function readDetected(output: Output): Detected | null {
  const value: unknown = output.kind === 'json' ? JSON.parse(output.text) : null;
  const { format, confidence, reason } = (value ?? {}) as Partial<
    Record<'format' | 'confidence' | 'reason', unknown>
  >;
  const known = SOURCES.find((source) => source === format);
  return known ? { format: known, isSure: confidence !== 'low', reason: String(reason ?? '') } : null;
}

export interface Options {
  from: Source | 'auto';
  to: Format;
  delimiter: 'auto' | 'comma' | 'semicolon' | 'tab' | 'pipe';
  header: boolean;
  guess_types: boolean;
  indent: boolean;
}

/** A call of `convert_file`, with what its result is to be shown and saved as. */
export interface Conversion extends Call {
  /** What is converted; errors name places in it. */
  source: Blob;
  to: Format;
  /** Of the result, without its extension. */
  fileName: string;
}

/** Takes a line of options, then the bytes as they are: nothing of a large file is read before the run. */
export function conversion(source: Blob, options: Options): Conversion {
  return {
    slug: SLUG,
    name: CONVERT,
    body: new Blob([`${JSON.stringify(options)}\n`, source]),
    contentType: 'application/octet-stream',
    isPrivate: true,
    source,
    to: options.to,
    fileName: source instanceof File ? source.name.replace(/(?<=.)\.[^.]+$/, '') : 'converted',
  };
}
