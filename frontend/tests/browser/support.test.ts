import { beforeEach, expect, it } from 'vitest';
import { whatIsMissing } from '../../src/browser/support';
import { chosenTarget, keepTarget } from '../../src/targets';

const scope = { WebAssembly, Worker: () => undefined, crypto } as unknown as typeof globalThis;
const place = { userId: 'u', slug: 'template', name: 'greet' };

beforeEach(() => localStorage.clear());

it('nothing is missing in a browser of today', () => {
  expect(whatIsMissing(scope)).toBeNull();
});

it.each([
  ['WebAssembly', { WebAssembly: undefined }, 'no WebAssembly'],
  ['workers', { Worker: undefined }, 'no workers'],
  ['a secure page', { crypto: { subtle: undefined } }, 'HTTPS'],
])('without %s it says so', (_, without, words) => {
  expect(whatIsMissing({ ...scope, ...without } as unknown as typeof globalThis)).toContain(words);
});

it('a function runs on the server until somebody chooses otherwise', () => {
  expect(chosenTarget(place, ['server', 'browser'])).toBe('server');
  keepTarget(place, 'browser');
  expect(chosenTarget(place, ['server', 'browser'])).toBe('browser');
  expect(chosenTarget({ ...place, name: 'repeat' }, ['server', 'browser'])).toBe('server');
});

it('a choice that the function no longer allows is none', () => {
  keepTarget(place, 'browser');
  expect(chosenTarget(place, ['server'])).toBe('server');
  expect(chosenTarget({ ...place, userId: 'v' }, ['browser'])).toBe('browser');
  expect(chosenTarget({ ...place, userId: 'v' }, ['server'], 'browser')).toBe('server');
});

it('a page may have another usual target', () => {
  expect(chosenTarget(place, ['server', 'browser'], 'browser')).toBe('browser');
  keepTarget(place, 'server');
  expect(chosenTarget(place, ['server', 'browser'], 'browser')).toBe('server');
});
