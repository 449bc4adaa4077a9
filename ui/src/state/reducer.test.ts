import { describe, expect, it } from 'vitest';
import { snapshot } from './testing';
import { apply } from './reducer';

describe('the reducer', () => {
  it('replaces the part that an event carries, and nothing else', () => {
    const before = snapshot({ number: 4 });
    const levels = { microphone: 0.5, participants: {} };
    const after = apply(before, { number: 5, event: { type: 'levels', levels } });
    expect(after).toEqual({ ...before, number: 5, levels });
  });

  it('keeps untouched parts the same object, so that views of them stay still', () => {
    const before = snapshot({ number: 4 });
    const after = apply(before, { number: 5, event: { type: 'nearby', nearby: [{ host: 'a' }] } });
    expect(after !== 'gap' && after.settings).toBe(before.settings);
  });

  it('ignores what the snapshot already contains', () => {
    const before = snapshot({ number: 4 });
    expect(apply(before, { number: 4, event: { type: 'call', call: null } })).toBe(before);
  });

  it('sees a gap', () => {
    expect(apply(snapshot({ number: 4 }), { number: 6, event: { type: 'call', call: null } })).toBe('gap');
  });

  it('counts notices, which change nothing', () => {
    const before = snapshot({ number: 1 });
    const notice = { kind: 'info', code: 'x', message: 'X' } as const;
    expect(apply(before, { number: 2, event: { type: 'notice', notice } })).toEqual({ ...before, number: 2 });
  });

  it('takes the summary of the last call', () => {
    const summary = { code: 'c', inviteLink: 'l', test: false, seconds: 3, quality: null, reason: null };
    const after = apply(snapshot({ number: 0 }), { number: 1, event: { type: 'last_call', summary } });
    expect(after).toMatchObject({ number: 1, lastCall: summary });
  });
});
