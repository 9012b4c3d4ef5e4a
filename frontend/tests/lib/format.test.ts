import { expect, test } from 'vitest';
import { formatBytes, formatDuration, formatElapsed, formatLimit } from '../../src/lib/format';
import { parseServerTiming } from '../../src/lib/serverTiming';

test('the four parts are read, whatever their order and spacing', () => {
  expect(parseServerTiming('run;dur=4.6,queue;dur=0.2 , start; dur=1.9, host;desc="calls";dur="3"')).toEqual({
    queue: 0.2,
    start: 1.9,
    run: 4.6,
    host: 3,
  });
});

test('missing parts are zero, unknown ones are ignored', () => {
  expect(parseServerTiming('db;dur=9, run;dur=2')).toEqual({ queue: 0, start: 0, run: 2, host: 0 });
});

test.each([null, '', 'cache;desc="hit"', 'run', 'run;dur=soon'])('%j holds no timing', (header) => {
  expect(parseServerTiming(header)).toBeNull();
});

test.each([
  [0, '0 ms'],
  [0.42, '0.4 ms'],
  [9.96, '10 ms'],
  [12.4, '12 ms'],
  [999.4, '999 ms'],
  [999.6, '1.0 s'],
  [1400, '1.4 s'],
  [59_940, '59.9 s'],
  [59_960, '1 min 0 s'],
  [125_000, '2 min 5 s'],
])('%d ms is written %s', (ms, written) => {
  expect(formatDuration(ms)).toBe(written);
});

test.each([
  [0, '0 s'],
  [59_999, '59 s'],
  [60_000, '1 min 0 s'],
  [276_400, '4 min 36 s'],
])('an elapsed time of %d ms is written %s', (ms, written) => {
  expect(formatElapsed(ms)).toBe(written);
});

test.each([
  [25, '25 B'],
  [1000, '1 kB'],
  [12_480, '12.5 kB'],
  [999_960, '1 MB'],
])('%d bytes are written %s', (bytes, written) => {
  expect(formatBytes(bytes)).toBe(written);
});

test.each([
  [500, '0.5 s'],
  [1000, '1 s'],
  [90_000, '90 s'],
  [600_000, '10 min'],
])('a limit of %d ms is written %s', (ms, written) => {
  expect(formatLimit(ms)).toBe(written);
});
