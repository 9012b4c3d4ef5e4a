import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { RunFailure } from '../../src/browser/messages';
import { prepareModule } from '../../src/browser/prepareModule';

const HEADER = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const EXPORT_MEMORY = [7, 5, 1, 1, 109, 2, 0]; // as "m"
const EXPORT_TABLE = [7, 5, 1, 1, 116, 1, 0]; // as "t"

function wasm(...sections: number[][]): Uint8Array {
  return Uint8Array.from([...HEADER, ...sections.flat()]);
}

async function exportsOf(module: Uint8Array<ArrayBuffer>): Promise<WebAssembly.Exports> {
  return (await WebAssembly.instantiate(module)).instance.exports;
}

function failureOf(action: () => unknown): RunFailure {
  try {
    action();
  } catch (error) {
    if (error instanceof RunFailure) return error;
    throw error;
  }
  throw new Error('It did not fail.');
}

describe('memory', () => {
  it.each([
    ['without a maximum', [5, 3, 1, 0, 1]],
    ['with a larger maximum', [5, 5, 1, 1, 1, 0x80, 0x08]],
  ])('%s gets the limit', async (_, section) => {
    const { m } = await exportsOf(prepareModule(wasm(section, EXPORT_MEMORY), 3));
    const memory = m as WebAssembly.Memory;
    expect(memory.grow(2)).toBe(1);
    expect(() => memory.grow(1)).toThrow(RangeError);
  });

  it('keeps a maximum below the limit', async () => {
    const { m } = await exportsOf(prepareModule(wasm([5, 4, 1, 1, 1, 2], EXPORT_MEMORY), 200));
    expect((m as WebAssembly.Memory).grow(1)).toBe(1);
    expect(() => (m as WebAssembly.Memory).grow(1)).toThrow(RangeError);
  });

  it('with a minimum over the limit is refused', () => {
    expect(failureOf(() => prepareModule(wasm([5, 3, 1, 0, 4]), 3)).end).toBe('memory');
  });

  it.each([
    ['shared', [5, 4, 1, 3, 1, 2]],
    ['64-bit', [5, 3, 1, 4, 1]],
    ['twofold', [5, 5, 2, 0, 1, 0, 1]],
    ['imported', [2, 8, 1, 1, 101, 1, 109, 2, 0, 1]],
  ])('that is %s is refused', (_, section) => {
    expect(failureOf(() => prepareModule(wasm(section), 100))).toMatchObject({
      end: 'invalid',
      message: expect.stringContaining('does not support'),
    });
  });
});

describe('tables', () => {
  it('have a limit', async () => {
    const { t } = await exportsOf(prepareModule(wasm([4, 4, 1, 0x70, 0, 1], EXPORT_TABLE), 1));
    const table = t as WebAssembly.Table;
    expect(table.grow(999_999)).toBe(1);
    expect(() => table.grow(1)).toThrow(RangeError);
  });

  it('share the limit', async () => {
    const two = [4, 7, 2, 0x70, 0, 1, 0x70, 0, 1];
    const { t } = await exportsOf(prepareModule(wasm(two, EXPORT_TABLE), 1));
    expect(() => (t as WebAssembly.Table).grow(500_000)).toThrow(RangeError);
  });
});

it('garbage-collected types are refused', () => {
  const structType = [1, 3, 1, 0x5f, 0];
  expect(failureOf(() => prepareModule(wasm(structType), 1)).message).toContain('garbage-collected');
  const functionType = [1, 6, 1, 0x60, 1, 0x7f, 1, 0x7e];
  expect(WebAssembly.validate(prepareModule(wasm(functionType), 1))).toBe(true);
});

it.each([
  ['nothing', new Uint8Array()],
  ['a text', new TextEncoder().encode('{"wasm": []}')],
  ['a later version', Uint8Array.of(0, 0x61, 0x73, 0x6d, 2, 0, 0, 0)],
  ['a section that is cut short', wasm([5, 9, 1])],
  ['a number without end', wasm([5, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])],
])('%s is not a module', (_, bytes) => {
  expect(failureOf(() => prepareModule(bytes, 1)).end).toBe('invalid');
});

it('a real plugin stays valid, and its imports are redirected to our functions', async () => {
  const bytes = readFileSync('../wasm-plugins/fixtures/hostcall/hostcall.wasm');
  const before = WebAssembly.Module.imports(await WebAssembly.compile(bytes));
  const after = WebAssembly.Module.imports(await WebAssembly.compile(prepareModule(bytes, 1024)));
  expect(after.map(({ name }) => name)).toEqual(before.map(({ name }) => name));
  const ours = after.filter(({ module }) => module === 'hostbridge').map(({ name }) => name);
  expect(ours).toEqual(expect.arrayContaining(['alloc', 'http_request', 'output_set', 'fd_write']));
  expect(after.filter(({ name }) => name === 'config_get' || name === 'length')).toEqual(
    before.filter(({ name }) => name === 'config_get' || name === 'length'),
  );
});
