import { describe, expect, it } from 'vitest';
import { Reactions } from './reactions.svelte';

describe('reactions', () => {
  it('are seen for two seconds each', () => {
    const expire: [() => void, number][] = [];
    const reactions = new Reactions((callback, ms) => expire.push([callback, ms]));
    reactions.show('a', 'heart');
    reactions.show(null, 'heart');
    expect([reactions.of('a').length, reactions.of(null).length]).toEqual([1, 1]);
    expect(expire.map(([, ms]) => ms)).toEqual([2_000, 2_000]);
    expire[0]?.[0]();
    expect([reactions.of('a').length, reactions.of(null).length]).toEqual([0, 1]);
  });

  it('of one person do not cover everything', () => {
    const reactions = new Reactions(() => undefined);
    for (let count = 0; count < 20; count += 1) reactions.show('a', 'clap');
    reactions.show('b', 'party');
    expect(reactions.list).toHaveLength(6);
  });
});
