import { expect, test } from 'vitest';
import { awaitingConsent, firstStep, shortcuts } from '../../src/home/suggestions';
import type { Execution, PluginSummary } from '../../src/lib/types';

const plugin = (slug: string, state = 'enabled', access = 'user') =>
  ({ slug, title: slug, state, functions: [{ name: 'f', title: 'F', access }] }) as unknown as PluginSummary;
const run = (slug: string) => ({ plugin: slug }) as Execution;
const slugs = (found: PluginSummary[]) => found.map((one) => one.slug);

test('recently used plugins come first, the others keep their order', () => {
  const plugins = ['a', 'b', 'c', 'd'].map((slug) => plugin(slug));
  expect(slugs(shortcuts(plugins, [run('c'), run('b'), run('c'), run('gone')], 9))).toEqual([
    'c',
    'b',
    'a',
    'd',
  ]);
  expect(slugs(shortcuts(plugins, [], 2))).toEqual(['a', 'b']);
});

test('only plugins that can run are suggested', () => {
  const plugins = [plugin('off', 'disabled'), plugin('new', 'waiting'), plugin('auth', 'enabled', 'public')];
  expect(shortcuts(plugins, [run('off')], 9)).toEqual([]);
  expect(firstStep(plugins)).toBeNull();
});

test('the first step is the template if it is installed', () => {
  expect(firstStep([plugin('a'), plugin('template')])?.plugin.slug).toBe('template');
  expect(firstStep([plugin('a'), plugin('template', 'disabled')])?.plugin.slug).toBe('a');
});

test('new plugins and upgrades that ask for more need consent', () => {
  const upgrade = { ...plugin('upgrade'), pending_version: '1.1.0' };
  expect(slugs(awaitingConsent([plugin('a'), plugin('new', 'waiting'), upgrade]))).toEqual([
    'new',
    'upgrade',
  ]);
});
