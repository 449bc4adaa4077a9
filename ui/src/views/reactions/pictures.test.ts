import { expect, it } from 'vitest';
import { REACTIONS } from '../../state/reactions.svelte';
import { reactionPicture } from './pictures';

it('there is a picture for every reaction, and for a raised hand', () => {
  const all = [...REACTIONS.map(({ reaction }) => reaction), 'hand' as const].map(reactionPicture);
  expect(all.filter(Boolean)).toHaveLength(7);
  expect(new Set(all).size).toBe(7);
});
