export type { Sentence } from '../core/core';
export type { Key } from './english';
export * from './words.svelte';
