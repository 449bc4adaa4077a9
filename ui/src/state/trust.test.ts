import { describe, expect, it } from 'vitest';
import type { Participant } from '../core/core';
import { roomTrust, shieldOf } from './trust';
import { call, participant } from './testing';

const safety = { words: ['hat', 'key', 'bee', 'cat'], digits: '1234 5678' };
const room = (...changes: Partial<Participant>[]) =>
  roomTrust(
    call({ safety, participants: changes.map((change, at) => participant({ id: `${at}`, ...change })) }),
  );

describe('a shield', () => {
  it('tells who came later from who was never compared, until they are verified', () => {
    expect(shieldOf(participant({ late: true }))).toBe('late');
    expect(shieldOf(participant({ late: true, trust: 'verified' }))).toBe('verified');
    expect(shieldOf(participant({ late: true, trust: 'changed' }))).toBe('changed');
  });
});

describe('the room’s shield', () => {
  it('asks to verify, and says how many are', () => {
    expect(room({}, {})).toMatchObject({ shield: 'unverified', text: 'End-to-end · verify' });
    expect(room({ trust: 'verified' }, {})?.text).toBe('End-to-end · 1 of 2 verified');
    expect(room({ trust: 'verified' }, { trust: 'verified' })?.shield).toBe('verified');
  });

  it('shows the worst that is true of somebody', () => {
    const verified = { trust: 'verified' } as const;
    expect(room(verified, { late: true })?.shield).toBe('late');
    expect(room(verified, { late: true }, { trust: 'changed' })?.shield).toBe('changed');
  });

  it('promises nothing while nothing is proven, and is not there where nobody is', () => {
    const unproven = call({ participants: [participant({ trust: 'unconfirmed' })] });
    expect(roomTrust(unproven)?.shield).toBe('unconfirmed');
    expect(roomTrust(call({ safety }))).toBeUndefined();
    expect(roomTrust(call({ safety, test: true, participants: [participant()] }))).toBeUndefined();
  });
});
