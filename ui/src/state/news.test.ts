import { describe, expect, it } from 'vitest';
import type { CallView, Participant } from '../core/core';
import { news } from './news';
import { call, participant } from './testing';

const view = (...participants: Partial<Participant>[]) =>
  call({ participants: participants.map((change) => participant(change)) });
const codes = (before: CallView | undefined, now: CallView) =>
  news(before, now, (id) => id).map(({ kind, code }) => `${kind} ${code}`);

describe('news of a call', () => {
  it('are who came after the number was compared, once', () => {
    const late = view({}, { id: 'b', late: true });
    expect(codes(view({}), late)).toEqual(['hint came_later_b']);
    expect([codes(late, late), codes(undefined, late)]).toEqual([[], []]);
  });

  it('are who begins to record and who stops, also of whoever did before we came', () => {
    expect(codes(view({}), view({ records: true }))).toEqual(['hint records_a']);
    expect(codes(view(), view({ records: true }))).toEqual(['hint records_a']);
    expect(codes(view({ records: true }), view({ records: true }))).toEqual([]);
    expect(codes(view({ records: true }), view({}))).toEqual(['info records_a']);
    // Whoever leaves is told of anyway.
    expect(codes(view({ records: true }), view())).toEqual([]);
  });

  it('are raised hands, not lowered ones', () => {
    expect(codes(view({}), view({ hand: 7 }))).toEqual(['info hand_a']);
    expect([codes(view({ hand: 7 }), view({ hand: 7 })), codes(view({ hand: 7 }), view({}))]).toEqual([
      [],
      [],
    ]);
  });

  it('are how many fit, before it is full and when it is, not when somebody leaves', () => {
    const of = (count: number, capacity = 4) =>
      call({
        capacity,
        participants: Array.from({ length: count - 1 }, (_, at) => participant({ id: `${at}` })),
      });
    const says = (from: number, to: number) =>
      news(of(from), of(to), (id) => id).map(({ message }) => message);
    expect(says(1, 2)).toEqual([]);
    expect(says(2, 3)).toEqual(['One more person fits into this call.']);
    expect(says(3, 4)[0]).toContain('full');
    expect([
      says(4, 3),
      codes(undefined, of(4)),
      codes(of(1, 0), of(2, 0)),
      codes(of(1, 2), of(2, 2)),
    ]).toEqual([[], [], [], []]);
  });

  it('are the lock, in both directions', () => {
    const [open, locked] = [call(), call({ locked: true })];
    expect([codes(open, locked), codes(locked, open), codes(undefined, locked)]).toEqual([
      ['info lock'],
      ['info lock'],
      [],
    ]);
  });
});
