// @vitest-environment node
import { expect, test } from 'vitest';
import { excerptsAt, locationIn } from '../../src/executions/run/errorLocations';
import { readBeginning, readLines } from '../../src/lib/textFiles';

/** UTF-16 with a byte-order mark; `swapped` is big-endian. */
function utf16(text: string, swapped = false): Blob {
  const bytes = Buffer.from(`\ufeff${text}`, 'utf16le');
  return new Blob([new Uint8Array(swapped ? bytes.swap16() : bytes)]);
}

/** A blob whose stream yields these chunks. */
function pieces(...parts: string[]): Blob {
  const blob = new Blob(parts);
  blob.stream = () =>
    new ReadableStream({
      start(controller) {
        for (const part of parts) controller.enqueue(new TextEncoder().encode(part));
        controller.close();
      },
    });
  return blob;
}

async function lines(text: Blob): Promise<string[]> {
  const found: string[] = [];
  for await (const some of readLines(text)) found.push(...some);
  return found;
}

test.each([
  ['a\nb\r\nc\rd', ['a', 'b', 'c', 'd']],
  ['a\n', ['a', '']],
  ['a\r', ['a', '']],
  ['\n\r\n\r', ['', '', '', '']],
  ['', ['']],
])('%j has its lines', async (text, expected) => {
  expect(await lines(new Blob([text]))).toEqual(expected);
});

test('chunk boundaries make no difference', async () => {
  expect(await lines(pieces('on', 'e\r', '\ntw', 'o\r', 'three', '\n', ''))).toEqual([
    'one',
    'two',
    'three',
    '',
  ]);
});

test.each([
  ['UTF-8 with its mark', new Blob(['\ufeffä\n𝄞'])],
  ['UTF-16, lower byte first', utf16('ä\n𝄞')],
  ['UTF-16, higher byte first', utf16('ä\n𝄞', true)],
])('%s is read without its mark', async (_, text) => {
  expect(await lines(text)).toEqual(['ä', '𝄞']);
  expect(await readBeginning(text, 100)).toBe('ä\n𝄞');
});

test('a beginning that ends within a character drops that character', async () => {
  expect(await readBeginning(new Blob(['aé']), 2)).toBe('a');
  expect(await readBeginning(utf16('a𝄞'), 6)).toBe('a');
});

test('the location of an error is read from its message', () => {
  expect(locationIn('Line 12, column 7: this is no value')).toEqual({ line: 12, column: 7 });
  for (const other of [
    '',
    'In Line 1, column 1: x',
    'Line 0x1, column 1: x',
    'Line 1, column 1',
    `Line ${'9'.repeat(12)}, column 1: x`,
  ])
    expect(locationIn(other)).toBeNull();
});

test('each location gets its excerpt', async () => {
  const text = pieces('a,b\r', '\n𝄞é,x', 'y\nlast');
  const locations = [
    { line: 2, column: 4 },
    { line: 1, column: 1 },
    { line: 2, column: 1 },
    { line: 3, column: 5 },
    { line: 9, column: 1 },
  ];
  expect(await excerptsAt(text, locations)).toEqual([
    { line: 2, before: '𝄞é,', at: 'x', after: 'y' },
    { line: 1, before: '', at: 'a', after: ',b' },
    { line: 2, before: '', at: '𝄞', after: 'é,xy' },
    { line: 3, before: 'last', at: '', after: '' },
    null,
  ]);
});

test('the excerpt of a long line is shortened', async () => {
  const [excerpt] = await excerptsAt(new Blob(['x'.repeat(500_000) + '!' + 'y'.repeat(500)]), [
    { line: 1, column: 500_001 },
  ]);
  expect(excerpt).toEqual({ line: 1, before: `…${'x'.repeat(60)}`, at: '!', after: `${'y'.repeat(60)}…` });
});

test('lines after the last location are not read', async () => {
  let read = 0;
  let cancelled = false;
  const text = new Blob(['']);
  text.stream = () =>
    new ReadableStream({
      pull(controller) {
        read += 1;
        controller.enqueue(new TextEncoder().encode('a line\n'));
      },
      cancel() {
        cancelled = true;
      },
    });
  const [excerpt] = await excerptsAt(text, [{ line: 3, column: 3 }]);
  expect(excerpt?.at).toBe('l');
  expect(read).toBeLessThan(20);
  expect(cancelled).toBe(true);
});
