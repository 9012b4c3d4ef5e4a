import { expect, test } from 'vitest';
import { lifeOf, scopesOf, scopeTitle } from '../../src/accounts/accessTokens';
import { timeLeft } from '../../src/lib/time';
import type { AccessToken, PermissionInfo } from '../../src/lib/types';

const now = Date.parse('2026-05-04T12:00:00Z');
const ending = (iso: string) => ({ expires_at: iso }) as AccessToken;
const known = (operation: string): PermissionInfo => ({
  operation,
  title: 'Read its store',
  meaning: '',
  risk: 'low',
});

test('a token is valid, expires within a week, or has expired', () => {
  expect(lifeOf(ending('2026-06-04T12:00:00Z'), now)).toBe('good');
  expect(lifeOf(ending('2026-05-08T12:00:00Z'), now)).toBe('ending');
  expect(lifeOf(ending('2026-05-04T12:00:00Z'), now)).toBe('over');
});

test('scopes have titles', () => {
  expect(scopeTitle('api', [])).toBe('Use the API as you');
  expect(scopeTitle('kv_get', [known('kv_get')])).toBe('Read its store');
  expect(scopeTitle('gone_since', [known('kv_get')])).toBe('gone_since');
});

test('permissions that are not operations are not scopes', () => {
  expect(scopesOf([known('kv_get'), known('read_password_hash')]).map((scope) => scope.operation)).toEqual([
    'kv_get',
  ]);
});

test.each([
  ['2026-05-04T12:00:30Z', 'now'],
  ['2026-05-04T11:00:00Z', 'now'],
  ['2026-05-04T12:05:00Z', 'in 5 min.'],
  ['2026-05-04T15:30:00Z', 'in 3 hr.'],
  ['2026-05-05T13:00:00Z', 'tomorrow'],
  ['2026-05-08T12:00:00Z', 'in 4 days'],
])('%s is %s', (iso, words) => {
  expect(timeLeft(iso, now)).toBe(words);
});
