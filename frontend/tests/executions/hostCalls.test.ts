import { expect, test } from 'vitest';
import { shortSubject, statusTone, statusText } from '../../src/executions/hostCalls';

test.each([
  [201, 'Created', 'success'],
  [206, 'OK', 'success'],
  [403, 'Not allowed', 'warning'],
  [404, 'Not found', 'neutral'],
  [418, 'Refused', 'warning'],
  [502, 'Failed', 'danger'],
])('status %i is shown as %s', (status, words, tone) => {
  expect([statusText(status), statusTone(status)]).toEqual([words, tone]);
});

test('ids are shortened, keys only if they are long', () => {
  expect(shortSubject('5a4ed643-e326-4223-926a-7049b8457ecb')).toBe('5a4ed643…');
  expect(shortSubject('format:last-used')).toBe('format:last-used');
  expect(shortSubject('k'.repeat(60))).toBe(`${'k'.repeat(24)}…`);
  expect(shortSubject('GET https://api.example.com/v1/weather')).toBe(
    'GET https://api.example.com/v1/weather',
  );
  expect(shortSubject(`GET https://api.example.com/${'x'.repeat(60)}`)).toHaveLength(61);
});
