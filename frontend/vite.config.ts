import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';
import { budget } from './vite-budget.ts';

const backend = 'http://127.0.0.1:8000';

export default defineConfig(({ command }) => ({
  base: command === 'build' ? '/static/' : '/',
  plugins: [react(), budget(150)],
  build: {
    // Old browsers would need an inline style or a polyfill for what these have built in (light-dark(), inert).
    target: 'es2022',
    cssTarget: ['chrome123', 'firefox121', 'safari17.5'],
    // Assets stay files: the content security policy allows no inline script, style or font.
    assetsInlineLimit: 0,
    // One style sheet, as small as one picture: a page that is loaded later needs no second request for its style, and
    // the order of the rules is that of the imports.
    cssCodeSplit: false,
    modulePreload: { polyfill: false },
  },
  server: {
    // The Host header is kept, so that Django's same-origin checks see the address in the browser's bar.
    proxy: {
      '/api': backend,
      '/admin': backend,
      '/host': backend,
      '/static': backend,
      '/ws': { target: backend, ws: true },
    },
  },
  test: {
    environment: 'jsdom',
    include: ['tests/**/*.test.{ts,tsx}'],
    setupFiles: ['tests/setup.ts'],
    testTimeout: 30_000,
    restoreMocks: true,
  },
}));
