import { describe, expect, it } from 'vitest';
import { NOTHING_YET, prove, steps, type Moment } from './test-call';
import { snapshot } from './testing';

const { preview } = snapshot();
const quiet: Moment = { fps: 0, level: 0, sending: true, echo: 0 };
const after = (...moments: Partial<Moment>[]) =>
  moments.reduce((proof, moment) => prove(proof, { ...quiet, ...moment }), NOTHING_YET);

describe('a test call', () => {
  it('ticks what was seen, said and heard', () => {
    expect(after({ fps: 30 }, { level: 0.6 }, { echo: 0.6 })).toEqual({
      seen: true,
      said: true,
      heard: true,
    });
    expect(steps(after({ fps: 30 }, { level: 0.6 }, { echo: 0.6 }), preview).every(({ done }) => done)).toBe(
      true,
    );
  });

  it('takes no sound for ours that came before we spoke', () => {
    expect(after({ echo: 0.9 }).heard).toBe(false);
  });

  it('hears nobody who is muted', () => {
    expect(after({ level: 0.9, sending: false }).said).toBe(false);
  });

  it('says what to do about what is missing', () => {
    const says = (change: Partial<typeof preview>) =>
      steps(NOTHING_YET, { ...preview, ...change }).map(({ text }) => text);
    expect(says({})[1]).toContain('Say something');
    expect(says({ microphone: { ...preview.microphone, on: false } })[1]).toContain('Press M');
    expect(says({ microphone: { ...preview.microphone, chosen: false } })[1]).toContain(
      'chose no microphone',
    );
    expect(
      says({ speaker: { ...preview.speaker, problem: { code: 'device_lost', message: 'It is gone.' } } })[2],
    ).toBe('It is gone.');
  });
});
