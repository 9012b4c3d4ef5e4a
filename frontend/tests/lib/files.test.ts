// @vitest-environment node
import { expect, test } from 'vitest';
import { isReadable, pickFile } from '../../src/lib/files';

const file = (name: string, size: number) => new File([new Uint8Array(size)], name);
const why = (files: File[], maxBytes: number) => {
  const picked = pickFile(files, maxBytes, 'bundle');
  return picked.ok ? null : picked.reason;
};

test('a file within the limit is accepted', () => {
  const bundle = file('a.zip', 100);
  expect(pickFile([bundle], 100)).toEqual({ ok: true, file: bundle });
});

test('a file over the limit is refused with both sizes', () => {
  expect(why([file('a.zip', 2000)], 1999)).toBe('“a.zip” is too large: 2000 bytes. The limit is 1999 bytes.');
  expect(why([file('a.zip', 2_000_001)], 40_000)).toBe('“a.zip” is too large: 2 MB. The limit is 40 kB.');
});

test('no file, several files and empty files are refused', () => {
  expect(why([], 100)).toMatch(/not a file/);
  expect(why([file('a.zip', 1), file('b.zip', 1)], 100)).toMatch(/one bundle at a time/);
  expect(why([file('a.zip', 0)], 100)).toBe('“a.zip” is empty.');
});

test('a file that changed since it was chosen cannot be read', async () => {
  const changed = file('a.csv', 1);
  expect(await isReadable(changed)).toBe(true);
  changed.slice = () =>
    ({ arrayBuffer: () => Promise.reject(new DOMException('', 'NotReadableError')) }) as Blob;
  expect(await isReadable(changed)).toBe(false);
});
