// @vitest-environment node
import { build, type Plugin } from 'vite';
import { expect, test } from 'vitest';
import { budget } from '../vite-budget';

/** Text that compresses badly, the same in every run. */
function noise(length: number): string {
  let seed = 1;
  const next = () => (seed = (seed * 48271) % 0x7fffffff);
  return Array.from({ length }, () => String.fromCharCode(65 + (next() % 58))).join('');
}

const MODULES: Record<string, string> = {
  'small.js': `console.log(${JSON.stringify(noise(2000))})`,
  'imports.js': 'import "small.js"; import "more.js"',
  'more.js': `console.log(${JSON.stringify(noise(6000))})`,
  'loads-later.js': 'import("more.js")',
};

function inMemory(): Plugin {
  return {
    name: 'in-memory',
    resolveId: (id) => (id in MODULES ? id : null),
    load: (id) => MODULES[id] ?? null,
  };
}

/** Builds this entry with a budget of 3 kB. */
function buildWithin(entry: string) {
  return build({
    configFile: false,
    logLevel: 'silent',
    plugins: [inMemory(), budget(3)],
    build: { write: false, rollupOptions: { input: entry } },
  });
}

test('a build within the budget succeeds', async () => {
  await expect(buildWithin('small.js')).resolves.toBeTruthy();
});

test('a build over the budget fails, and says by how much', async () => {
  await expect(buildWithin('imports.js')).rejects.toThrow(
    /initial JavaScript is \d+\.\d kB gzip; the budget is 3 kB/,
  );
});

test('chunks loaded on demand do not count', async () => {
  await expect(buildWithin('loads-later.js')).resolves.toBeTruthy();
});
