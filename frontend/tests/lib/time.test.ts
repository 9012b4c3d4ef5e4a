import { expect, test } from 'vitest';
import { relativeTime } from '../../src/lib/time';

const NOW = Date.parse('2026-05-04T12:00:00Z');

test.each([
  ['2026-05-04T11:59:58Z', 'just now'],
  ['2026-05-04T12:00:09Z', 'just now'],
  ['2026-05-04T11:59:48Z', '12 sec. ago'],
  ['2026-05-04T11:58:01Z', '1 min. ago'],
  ['2026-05-04T09:30:00Z', '2 hr. ago'],
  ['2026-05-03T11:00:00Z', 'yesterday'],
  ['2026-04-24T12:00:00Z', '10 days ago'],
  ['not a date', ''],
])('%s is "%s"', (iso, said) => {
  expect(relativeTime(iso, NOW)).toBe(said);
});
