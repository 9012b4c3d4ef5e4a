// The output of a function, and how it can be shown.

/** The output of a function, byte for byte, and how it can be shown. */
export interface Output {
  /** Judged by the beginning if only that was read. */
  kind: 'json' | 'text' | 'binary';
  data: Uint8Array<ArrayBuffer>;
  /** The decoded data: only the beginning of huge data, and empty for binary data. */
  text: string;
  isWhole: boolean;
}

/** Decoding, parsing and laying out more would freeze the page. */
const MOST_READ_BYTES = 1 << 20;
const BEGINNING_BYTES = 64 << 10;

/** Determines how bytes can be shown: as JSON, as text, or only as binary data. */
export function describeOutput(data: Uint8Array<ArrayBuffer>): Output {
  const isWhole = data.length <= MOST_READ_BYTES;
  const text = decode(isWhole ? data : data.subarray(0, BEGINNING_BYTES), isWhole);
  if (text === null) return { kind: 'binary', data, text: '', isWhole };
  const isJson = isWhole ? parses(text) : /^\s*[[{]/.test(text);
  return { kind: isJson ? 'json' : 'text', data, text, isWhole };
}

/** Null if it is not UTF-8. Incomplete data may end within a character. */
function decode(data: Uint8Array, isWhole: boolean): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(data, { stream: !isWhole });
  } catch {
    return null;
  }
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
