// Fails the build if the JavaScript that a first visit downloads exceeds its budget.
import { gzipSync } from 'node:zlib';
import type { Plugin } from 'vite';

export function budget(limitKb: number): Plugin {
  return {
    name: 'initial-js-budget',
    apply: 'build',
    generateBundle(_options, bundle) {
      const pending = Object.values(bundle).flatMap((file) =>
        file.type === 'chunk' && file.isEntry ? [file.fileName] : [],
      );
      const initial = new Set<string>();
      let bytes = 0;
      for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
        const file = bundle[name];
        if (initial.has(name) || file?.type !== 'chunk') continue;
        initial.add(name);
        bytes += gzipSync(file.code).length;
        pending.push(...file.imports);
      }
      const kb = (bytes / 1000).toFixed(1);
      if (bytes > limitKb * 1000)
        this.error(`initial JavaScript is ${kb} kB gzip; the budget is ${limitKb} kB`);
      this.info(`initial JavaScript: ${kb} kB gzip of ${limitKb} kB`);
    },
  };
}
