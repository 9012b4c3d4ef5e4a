import { describe, expect, it } from 'vitest';
import { hostAddress } from '../../src/browser/hostAddress';

const HOST = 'https://bridge.example:8443';
const BASE = 'http://hostbridge.invalid/host/v1/';

function verdict(asked: string): string {
  const found = hostAddress(asked, HOST);
  return 'url' in found ? found.url.href : found.refused;
}

describe('where a guest may go', () => {
  it.each([
    ['users?email=a@example.com', `${HOST}/host/v1/users?email=a@example.com`],
    [
      'users/6f2d6611-755f-45c3-94c7-ce8eb0d59e9c',
      `${HOST}/host/v1/users/6f2d6611-755f-45c3-94c7-ce8eb0d59e9c`,
    ],
    ['kv/a:b.c_d-e', `${HOST}/host/v1/kv/a:b.c_d-e`],
    ['kv?prefix=../..', `${HOST}/host/v1/kv?prefix=../..`],
    ['users?', `${HOST}/host/v1/users?`],
  ])('%s is allowed', (path, url) => {
    expect(verdict(BASE + path)).toBe(url);
  });

  it.each([
    '',
    'users/',
    '/users',
    '//evil.example/',
    '../api/v1/users',
    'users/../../api',
    'users/./x',
    '.',
    '%2e%2e/api',
    'users%2f..',
    'users\\..\\x',
    'users#x',
    'users\n',
    'users/\t../x',
    'üsers',
    'users?a b',
    'users?a=\n',
    'users?x#y',
  ])('%j is not an operation', (path) => {
    expect(verdict(BASE + path)).toBe('no-operation');
  });

  it.each([
    HOST + '/host/v1/users',
    'http://hostbridge.invalid',
    'http://hostbridge.invalid.evil.example/host/v1/users',
    'http://hostbridge.invalid@evil.example/host/v1/users',
    'http://hostbridge.invalid:80/host/v1/users',
    'https://hostbridge.invalid/host/v1/users',
    'HTTP://HOSTBRIDGE.INVALID/host/v1/users',
    ' http://hostbridge.invalid/host/v1/users',
    '/host/v1/users',
    'javascript:alert(1)',
    '',
  ])('%j is another address', (asked) => {
    expect(verdict(asked)).toBe('elsewhere');
  });

  it('refuses addresses over the length limit', () => {
    expect(verdict(`${BASE}users?${'x'.repeat(4096 - BASE.length - 6)}`)).toContain('/host/v1/users?x');
    expect(verdict(`${BASE}users?${'x'.repeat(4097 - BASE.length - 6)}`)).toBe('no-operation');
  });
});
