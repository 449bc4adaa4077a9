import type { Reaction } from '../../core/core';

/** Our own drawings, since not every system has a font for emoji. */
const files = import.meta.glob<string>('./*.svg', { eager: true, query: '?url', import: 'default' });

/** Where the picture of a reaction is, or that of a raised hand. */
export function reactionPicture(reaction: Reaction | 'hand'): string {
  return files[`./${reaction}.svg`] ?? '';
}
