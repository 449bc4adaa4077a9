import js from '@eslint/js';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import ts from 'typescript-eslint';
import svelteConfig from './svelte.config.js';

/** Only src/core may know Tauri: everything else goes through the interface that it exports. */
const onlyDoor = {
  patterns: [
    { group: ['@tauri-apps/*'], message: 'Only src/core talks to Tauri.' },
    { group: ['**/core/tauri', '**/core/mock/*'], message: 'Use the interface in src/core/core.ts.' },
  ],
};

export default ts.config(
  { ignores: ['dist', 'coverage', 'src/core/generated'] },
  js.configs.recommended,
  ...ts.configs.strict,
  ...svelte.configs.recommended,
  {
    languageOptions: { globals: { ...globals.browser } },
    rules: {
      'no-undef': 'off',
      eqeqeq: 'error',
      'no-console': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
    },
  },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: ts.parser, extraFileExtensions: ['.svelte'], svelteConfig } },
  },
  {
    files: ['src/**'],
    ignores: ['src/core/**', 'src/main.ts'],
    rules: { 'no-restricted-imports': ['error', onlyDoor] },
  },
  {
    // State decides, views render: no view code below src/state and src/layout.
    files: ['src/state/**', 'src/layout/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            ...onlyDoor.patterns,
            {
              group: [
                '**/views/**',
                '**/*.svelte',
                '!**/*.svelte.ts',
                '!./*.svelte',
                '!./board/*.svelte',
                '!../*.svelte',
              ],
              message: 'No views in here.',
            },
          ],
        },
      ],
    },
  },
  {
    files: ['scripts/**', '*.config.*'],
    languageOptions: { globals: { ...globals.node } },
    rules: { 'no-console': 'off' },
  },
);
