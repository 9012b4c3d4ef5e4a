import { expect, test } from 'vitest';
import { ExactNumber, isBranch, membersOf, parseExact } from '../../src/lib/json';

const exact = (text: string) => parseExact(text)?.value;

/** Node 20 does not support this; tests/e2e/test_execution_page.py tests it in a browser. */
test('another way to write a number is the same number', () => {
  for (const source of ['1.0', '1e2', '100', '-0.50', '1E-7', '1000000000000000000000', '0']) {
    expect(exact(source)).toBe(Number(source));
  }
});

test('JSON that is nested too deeply is not parsed', () => {
  const depth = 200_000;
  expect(parseExact('['.repeat(depth) + ']'.repeat(depth))).toBeNull();
});

test('only non-empty objects and arrays are branches', () => {
  expect([[1], { a: null }].every(isBranch)).toBe(true);
  expect([[], {}, null, 'text', 1, new ExactNumber('1')].some(isBranch)).toBe(false);
  expect(membersOf(['x', 'y'])).toEqual([
    ['0', 'x'],
    ['1', 'y'],
  ]);
});
