import { describe, expect, it } from 'vitest';
import { ActiveSpeaker } from './speaker';

describe('the active speaker', () => {
  const levels = (a: number, b: number) => new Map(Object.entries({ a, b }));

  it('is the first who speaks, at once', () => {
    expect(new ActiveSpeaker().update(0, levels(0, 0.6))).toBe('b');
  });

  it('changes only to who stays louder for a second', () => {
    const speaker = new ActiveSpeaker();
    speaker.update(0, levels(0.6, 0));
    expect(speaker.update(100, levels(0.2, 0.8))).toBe('a');
    expect(speaker.update(600, levels(0.7, 0.1))).toBe('a');
    expect(speaker.update(700, levels(0.1, 0.8))).toBe('a');
    expect(speaker.update(1_650, levels(0.1, 0.8))).toBe('a');
    expect(speaker.update(1_700, levels(0.1, 0.8))).toBe('b');
  });

  it('stays through silence, and is forgotten when they leave', () => {
    const speaker = new ActiveSpeaker();
    speaker.update(0, levels(0.6, 0));
    expect(speaker.update(9_000, levels(0, 0))).toBe('a');
    expect(speaker.update(9_100, new Map([['b', 0]]))).toBeUndefined();
  });
});
