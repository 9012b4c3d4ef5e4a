// The output of a function, and how it can be shown.

/** What a function gave, byte for byte, and how it can be shown. */
export interface Output {
  /** Told from the beginning where that is all that was read. */
  kind: 'json' | 'text' | 'binary';
  data: Uint8Array<ArrayBuffer>;
  /** The data decoded: of huge data the beginning, of binary data nothing. */
  text: string;
  isWhole: boolean;
}

/** To decode, parse and lay out more would freeze the page. */
const MOST_READ_BYTES = 1 << 20;
const BEGINNING_BYTES = 64 << 10;

/** Decides how bytes can be shown: as JSON, as text, or not at all. */
export function describeOutput(data: Uint8Array<ArrayBuffer>): Output {
  const isWhole = data.length <= MOST_READ_BYTES;
  const text = decode(isWhole ? data : data.subarray(0, BEGINNING_BYTES), isWhole);
  if (text === null) return { kind: 'binary', data, text: '', isWhole };
  const isJson = isWhole ? parses(text) : /^\s*[[{]/.test(text);
  return { kind: isJson ? 'json' : 'text', data, text, isWhole };
}

/** Null if it is not UTF-8. What is not whole may end within a character. */
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
