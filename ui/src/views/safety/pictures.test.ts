import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { pictureOf } from './pictures';

/** The words as the safety number has them: a word without a picture would be an empty box on both sides. */
function words(): string[] {
  const source = readFileSync(new URL('../../../../crates/protocol/src/safety.rs', import.meta.url), 'utf8');
  const list = /const (?:WORDS|EMOJI)\b[^=]*=\s*\[([^]*?)\n\];/.exec(source)?.[1] ?? '';
  return [...list.matchAll(/"([a-z][a-z ]*)"/g)].map(([, word]) => word ?? '');
}

describe('the safety number', () => {
  it('has a picture for each of its 64 words', () => {
    expect(new Set(words()).size).toBe(64);
    expect(words().filter((word) => pictureOf(word) === undefined)).toEqual([]);
  });

  it('has none for a word that is not its own', () => {
    expect(pictureOf('zebra')).toBeUndefined();
  });
});
