import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';
import { budget } from './vite-budget.ts';

const backend = 'http://127.0.0.1:8000';

export default defineConfig(({ command }) => ({
  base: command === 'build' ? '/static/' : '/',
  plugins: [react(), budget(150)],
  build: {
    // Older browsers would need inline styles or polyfills for features that these have (light-dark(), inert).
    target: 'es2022',
    cssTarget: ['chrome123', 'firefox121', 'safari17.5'],
    // Assets stay files: the content security policy allows no inline script, style or font.
    assetsInlineLimit: 0,
    // One small style sheet: pages that load later need no second request for their style.
    cssCodeSplit: false,
    modulePreload: { polyfill: false },
  },
  server: {
    // Vite passes the Host header on, so that Django's same-origin checks see the address in the browser.
    proxy: {
      '/api': backend,
      '/admin': backend,
      '/host': backend,
      '/static': backend,
      '/ws': { target: backend, ws: true },
    },
  },
  test: {
    testTimeout: 30_000,
    restoreMocks: true,
    // A document takes longer to set up than most tests without components take to run.
    projects: [
      {
        extends: true,
        test: { name: 'modules', include: ['tests/**/*.test.ts'], environment: 'node' },
      },
      {
        extends: true,
        test: {
          name: 'components',
          include: ['tests/**/*.test.tsx'],
          environment: 'jsdom',
          setupFiles: ['tests/setup.ts'],
        },
      },
    ],
  },
}));
