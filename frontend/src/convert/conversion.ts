// The interface of the bundled plugin "convert": its formats, its options, and how it takes a file.
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

// The same format comes last: rewriting a file in its own format is possible but rare.
const FORMATS_FOR: Record<Source, [Format, ...Format[]]> = {
  csv: ['json', 'yaml', 'toml', 'csv'],
  json: ['yaml', 'csv', 'toml', 'json'],
  yaml: ['json', 'csv', 'toml', 'yaml'],
  toml: ['json', 'yaml', 'csv', 'toml'],
  markdown: ['html'],
};

/** The possible target formats, the most likely first; all of them if the source format is unknown. */
export function formatsFor(source: Source | null): [usual: Format, ...others: Format[]] {
  if (source === null) return ['json', 'yaml', 'csv', 'toml', 'html'];
  return FORMATS_FOR[source];
}

/** The result of `detect`. */
export interface Detected {
  format: Source;
  /** False for a guess. */
  isSure: boolean;
  reason: string;
}

/** Space reserved for the line of options in front of the file. */
export const OPTIONS_BYTES = 1000;

/** `detect` reads no more than this. */
export const DETECT_BYTES = 64 << 10;

export function detection(text: string): Call {
  const body = JSON.stringify({ text });
  return { slug: SLUG, name: DETECT, body, contentType: 'application/json', isPrivate: true };
}

/** Reads the output of `detect`; null for a format that this page does not know. */
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

/** A call of `convert_file`, with how to show and save its result. */
export interface Conversion extends Call {
  /** The data to convert; errors refer to locations in it. */
  source: Blob;
  to: Format;
  /** The result's file name, without extension. */
  fileName: string;
}

/** The body is a line of options, then the bytes as they are, so that a large file is not read before the run. */
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
