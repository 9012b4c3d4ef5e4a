// Prepares a module for a run: limits what it can allocate, and redirects some of its imports to our own functions.
// https://webassembly.github.io/spec/core/binary/modules.html
import { RunFailure } from './messages';

/** The namespace of our functions in a prepared module. */
export const OURS = 'hostbridge';

const EXTISM = 'extism:host/env';
const WASI = 'wasi_snapshot_preview1';
/** Imports for which the SDK differs from the server, or is unbounded. */
const REDIRECTED = new Map<string, ReadonlySet<string>>([
  [
    EXTISM,
    new Set([
      ...['alloc', 'input_offset', 'input_length', 'input_load_u8', 'input_load_u64'],
      ...['output_set', 'error_set', 'error_get'],
      ...['http_request', 'http_status_code', 'http_headers'],
    ]),
  ],
  [WASI, new Set(['fd_allocate', 'fd_filestat_set_size', 'fd_pwrite', 'fd_write', 'poll_oneoff'])],
]);

const HEADER = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const SECTION = { type: 1, import: 2, table: 4, memory: 5 } as const;
const KIND = { function: 0, table: 1, memory: 2, global: 3, tag: 4 } as const;
const FUNCTION_TYPE = 0x60;
const REFERENCE_TYPES = [0x63, 0x64];
const TABLE_WITH_INITIALISER = 0x40;
const LIMIT = { hasMaximum: 1, shared: 2, wide: 4 } as const;
/** The limit of elements in all tables together. Compilers need far fewer. */
const MAX_TABLE = 1_000_000;

/** Returns the module with limits on its memory and tables. Throws RunFailure if it is damaged or asks for too much. */
export function prepareModule(wasm: Uint8Array, maxPages: number): Uint8Array<ArrayBuffer> {
  if (HEADER.some((byte, index) => wasm[index] !== byte))
    throw new RunFailure('invalid', 'It does not begin like a WebAssembly 1 module.');
  const out = new Writer();
  out.bytes(wasm.subarray(0, HEADER.length));
  const reader = new Reader(wasm, HEADER.length);
  while (!reader.atEnd) {
    const id = reader.byte();
    const section = reader.slice(reader.number());
    out.byte(id);
    out.sized(prepareSection(id, section, maxPages));
  }
  return out.result();
}

function prepareSection(id: number, section: Uint8Array, maxPages: number): Uint8Array {
  const reader = new Reader(section);
  const out = new Writer();
  switch (id) {
    case SECTION.type:
      checkTypes(reader);
      return section;
    case SECTION.import:
      each(reader, out, () => copyImport(reader, out));
      break;
    case SECTION.table:
      each(reader, out, (count) => copyTable(reader, out, Math.floor(MAX_TABLE / count)));
      break;
    case SECTION.memory:
      if (each(reader, out, () => copyLimits(reader, out, maxPages)) > 1)
        throw unsupported('several memories');
      break;
    default:
      return section;
  }
  return out.result();
}

/** Refuses garbage-collected types: no limit applies to the memory of their objects. */
function checkTypes(reader: Reader): void {
  for (let left = reader.number(); left > 0; left -= 1) {
    if (reader.byte() !== FUNCTION_TYPE) throw unsupported('garbage-collected types');
    for (let list = 0; list < 2; list += 1)
      for (let values = reader.number(); values > 0; values -= 1)
        if (REFERENCE_TYPES.includes(reader.byte())) reader.number();
  }
}

function copyImport(reader: Reader, out: Writer): void {
  const namespace = reader.name();
  const name = reader.name();
  const kind = reader.byte();
  out.text(REDIRECTED.get(namespace)?.has(name) ? OURS : namespace);
  out.text(name);
  out.byte(kind);
  if (kind !== KIND.function) throw unsupported('imports that are no functions');
  out.number(reader.number());
}

function copyTable(reader: Reader, out: Writer, most: number): void {
  const type = reader.byte();
  if (type === TABLE_WITH_INITIALISER || REFERENCE_TYPES.includes(type))
    throw unsupported('typed function references');
  out.byte(type);
  copyLimits(reader, out, most);
}

function copyLimits(reader: Reader, out: Writer, most: number): void {
  const flags = reader.byte();
  if (flags & (LIMIT.shared | LIMIT.wide)) throw unsupported('shared or 64-bit memory');
  const minimum = reader.number();
  const maximum = flags & LIMIT.hasMaximum ? reader.number() : most;
  if (minimum > most)
    throw new RunFailure('memory', `its minimum size is ${minimum}, over the bound of ${most}`);
  out.byte(LIMIT.hasMaximum);
  out.number(minimum);
  out.number(Math.max(minimum, Math.min(maximum, most)));
}

/** Copies a vector item by item. Returns the number of items. */
function each(reader: Reader, out: Writer, copy: (count: number) => void): number {
  const count = reader.number();
  out.number(count);
  for (let left = count; left > 0; left -= 1) copy(count);
  return count;
}

function unsupported(what: string): RunFailure {
  return new RunFailure('invalid', `It uses ${what}, which a run in a browser does not support.`);
}

class Reader {
  constructor(
    readonly data: Uint8Array,
    private position = 0,
  ) {}

  get atEnd(): boolean {
    return this.position >= this.data.length;
  }

  byte(): number {
    const value = this.data[this.position];
    if (value === undefined) throw new RunFailure('invalid', 'It is cut short or damaged.');
    this.position += 1;
    return value;
  }

  /** Unsigned LEB128, at most five bytes. */
  number(): number {
    let value = 0;
    for (let factor = 1; factor < 2 ** 35; factor *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    throw new RunFailure('invalid', 'A number in it is too long.');
  }

  slice(length: number): Uint8Array {
    const found = this.data.subarray(this.position, this.position + length);
    if (found.length !== length) throw new RunFailure('invalid', 'It is cut short or damaged.');
    this.position += length;
    return found;
  }

  name(): string {
    return new TextDecoder().decode(this.slice(this.number()));
  }
}

class Writer {
  private readonly parts: Uint8Array[] = [];

  bytes(part: Uint8Array): void {
    this.parts.push(part);
  }

  byte(value: number): void {
    this.parts.push(Uint8Array.of(value));
  }

  number(value: number): void {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 128)) this.byte((rest % 128) | 0x80);
    this.byte(rest);
  }

  sized(part: Uint8Array): void {
    this.number(part.length);
    this.bytes(part);
  }

  text(value: string): void {
    this.sized(new TextEncoder().encode(value));
  }

  result(): Uint8Array<ArrayBuffer> {
    const whole = new Uint8Array(this.parts.reduce((length, part) => length + part.length, 0));
    let position = 0;
    for (const part of this.parts) {
      whole.set(part, position);
      position += part.length;
    }
    return whole;
  }
}
