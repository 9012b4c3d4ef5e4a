// @vitest-environment jsdom
import { beforeEach, expect, it } from 'vitest';
import { missingFeature } from '../../src/browser/missingFeature';
import { rememberedTarget, rememberTarget } from '../../src/executions/run/rememberedTarget';

const scope = { WebAssembly, Worker: () => undefined, crypto } as unknown as typeof globalThis;
const place = { userId: 'u', slug: 'template', name: 'greet' };

beforeEach(() => localStorage.clear());

it('a current browser has every feature', () => {
  expect(missingFeature(scope)).toBeNull();
});

it.each([
  ['WebAssembly', { WebAssembly: undefined }, 'does not support WebAssembly'],
  ['workers', { Worker: undefined }, 'web workers'],
  ['a secure page', { crypto: { subtle: undefined } }, 'HTTPS'],
])('missing %s gives a message', (_, without, words) => {
  expect(missingFeature({ ...scope, ...without } as unknown as typeof globalThis)).toContain(words);
});

it('the server is the default target', () => {
  expect(rememberedTarget(place, ['server', 'browser'])).toBe('server');
  rememberTarget(place, 'browser');
  expect(rememberedTarget(place, ['server', 'browser'])).toBe('browser');
  expect(rememberedTarget({ ...place, name: 'repeat' }, ['server', 'browser'])).toBe('server');
});

it('a remembered target that is no longer allowed is ignored', () => {
  rememberTarget(place, 'browser');
  expect(rememberedTarget(place, ['server'])).toBe('server');
  expect(rememberedTarget({ ...place, userId: 'v' }, ['browser'])).toBe('browser');
  expect(rememberedTarget({ ...place, userId: 'v' }, ['server'], 'browser')).toBe('server');
});

it('a page can have another default target', () => {
  expect(rememberedTarget(place, ['server', 'browser'], 'browser')).toBe('browser');
  rememberTarget(place, 'server');
  expect(rememberedTarget(place, ['server', 'browser'], 'browser')).toBe('server');
});
