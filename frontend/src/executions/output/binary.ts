// A summary of binary data.

const SIGNATURES: [name: string, bytes: number[]][] = [
  ['PNG image', [0x89, 0x50, 0x4e, 0x47]],
  ['JPEG image', [0xff, 0xd8, 0xff]],
  ['GIF image', [0x47, 0x49, 0x46, 0x38]],
  ['PDF document', [0x25, 0x50, 0x44, 0x46]],
  ['ZIP archive', [0x50, 0x4b, 0x03, 0x04]],
  ['gzip archive', [0x1f, 0x8b]],
  ['WebAssembly module', [0x00, 0x61, 0x73, 0x6d]],
];

/** The kind of data, judged by its first bytes. */
export function kindOfBytes(data: Uint8Array): string {
  const found = SIGNATURES.find(([, bytes]) => bytes.every((byte, index) => data[index] === byte));
  return found?.[0] ?? 'Binary data';
}

const PER_LINE = 16;

/** The first `lines` lines of a hex dump: offset, bytes, and printable ASCII. */
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
