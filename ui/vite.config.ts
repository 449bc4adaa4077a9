import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  plugins: [svelte()],
  // Relative addresses: the page is served from tauri://localhost, http://tauri.localhost or a preview server.
  base: './',
  build: {
    // WebKitGTK 2.40 and Safari 16.4 are the oldest engines that the app runs on.
    target: 'safari16.4',
    // The content policy allows no data: scripts, and the page is read from disk: separate files cost nothing, and large ones little.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 600,
    modulePreload: { polyfill: false },
  },
  // The app's icon lies beside this folder.
  server: { port: 5173, strictPort: true, fs: { allow: ['.', '../icons'] } },
  // Vitest would otherwise pick Svelte's server build.
  resolve: process.env['VITEST'] ? { conditions: ['browser'] } : {},
  // Hardly any test needs a document, and making one takes longer than all tests: those ask for jsdom by a comment.
  test: { environment: 'node', include: ['src/**/*.test.ts'], restoreMocks: true, testTimeout: 30_000 },
});
