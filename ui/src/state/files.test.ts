import { describe, expect, it } from 'vitest';
import type { FileOffer, FileTransfer } from '../core/core';
import {
  actions,
  amount,
  canForget,
  canTakeBack,
  changed,
  done,
  isWrong,
  left,
  moves,
  news,
  newsSays,
  pace,
  says,
  saysAmong,
  share,
  size,
  summary,
  timeline,
  title,
  unnamed,
} from './files';
import { chat, item, message, offer, transfer } from './testing';

const plain = (text: string) => text.replace(/[\u2068\u2069]/gu, '');
const one = (change: Partial<FileTransfer> = {}, more: Partial<FileOffer> = {}) =>
  offer('x', { transfers: [transfer(change)], ...more });
const said = (change: Partial<FileTransfer>, more: Partial<FileOffer> = {}) => {
  const it = one(change, more);
  return plain(says(it, transfer(change), 'Ada'));
};

describe('a change of the files', () => {
  it('is made in its place, and what does not move stays the same object', () => {
    let files = { offers: [offer('a'), offer('b')] };
    const [first] = files.offers;
    files = changed(files, { type: 'offer', offer: offer('c') });
    files = changed(files, { type: 'offer', offer: offer('b', { program: true }) });
    expect(files.offers.map(({ id, program }) => [id, program])).toEqual([
      ['a', false],
      ['b', true],
      ['c', false],
    ]);
    const moved = [{ offer: 'b', peer: 'a', verified: 5, speed: 1, secondsLeft: 9 }];
    files = changed(files, { type: 'progress', moved });
    expect(files.offers[1]?.transfers[0]).toMatchObject({ verified: 5, speed: 1, secondsLeft: 9 });
    expect(files.offers[0]).toBe(first);
    const elsewhere = [{ offer: 'b', peer: 'z', verified: 9, speed: 1, secondsLeft: 9 }];
    files = changed(files, { type: 'progress', moved: elsewhere });
    expect(files.offers[1]?.transfers[0]?.verified).toBe(5);
    files = changed(files, { type: 'dropped', offer: 'a' });
    expect(files.offers.map(({ id }) => id)).toEqual(['b', 'c']);
    expect(changed(files, { type: 'all', files: { offers: [] } })).toEqual({ offers: [] });
  });
});

describe('offers in the chat', () => {
  const order = (places: { id: string; number: number; at?: number }[], messages = [1, 2, 5]) => {
    const view = chat({ messages: messages.map((number) => message(number, 'a')) });
    return timeline(
      view,
      places.map((place) => ({ at: 0, ...place })),
    ).map(({ group, offer: id }) => id ?? group?.messages.map(({ number }) => number));
  };

  it('stand after the messages that were there when they were made', () => {
    expect(order([])).toEqual([[1, 2, 5]]);
    expect(order([{ id: 'x', number: 2 }])).toEqual([[1, 2], 'x', [5]]);
    expect(order([{ id: 'x', number: 3 }])).toEqual([[1, 2], 'x', [5]]);
    expect(order([{ id: 'x', number: 0 }])).toEqual(['x', [1, 2, 5]]);
    expect(order([{ id: 'x', number: 9 }])).toEqual([[1, 2, 5], 'x']);
  });

  it('of one moment stand in the order in which they came, also without any message', () => {
    const two = [
      { id: 'late', number: 2, at: 9 },
      { id: 'early', number: 2, at: 3 },
      { id: 'first', number: 0 },
    ];
    expect(order(two)).toEqual(['first', [1, 2], 'early', 'late', [5]]);
    expect(order(two, [])).toEqual(['first', 'early', 'late']);
    expect(timeline(null, [{ id: 'x', number: 4, at: 0 }])).toEqual([{ key: 'offer-x', offer: 'x' }]);
  });
});

describe('sizes and times', () => {
  it('are as people read them', () => {
    const sizes = [0, 1, 812, 1_000, 9_949, 9_950, 84_400, 999_499, 999_500, 2_400_000, 1e9, 61.4e9, 3e15];
    expect(sizes.map(size)).toEqual([
      '0 bytes',
      '1 byte',
      '812 bytes',
      '1.0 kB',
      '9.9 kB',
      '10 kB',
      '84 kB',
      '999 kB',
      '1.0 MB',
      '2.4 MB',
      '1.0 GB',
      '61 GB',
      '3000 TB',
    ]);
    expect([share(1.2e6, 2.4e6), share(620e6, 1.24e9), share(0, 10e3)]).toEqual([
      '1.2 of 2.4 MB',
      '620 MB of 1.2 GB',
      '0 bytes of 10 kB',
    ]);
    expect(pace(3_100_000)).toBe('3.1 MB/s');
    expect([0, 4, 12, 33, 74, 3_570, 3_600, 5_400, 7_170, 40_000].map(left)).toEqual([
      'a few seconds left',
      'a few seconds left',
      '12 s left',
      '35 s left',
      '1 min left',
      '1 h left',
      '1 h left',
      '1 h 30 min left',
      '2 h left',
      '11 h left',
    ]);
  });
});

describe('an offer', () => {
  it('is called by its only file, or by how many there are', () => {
    const single = offer('x');
    expect([title(single), amount(single), unnamed(single)]).toEqual(['valve.pdf', '2.4 MB', 0]);
    const folder = { items: [item('Sketches', 9e6, { folder: true, files: 36 })], files: 36, bytes: 9e6 };
    expect([title(folder), amount(folder), unnamed(folder)]).toEqual(['Sketches', '36 files, 9.0 MB', 0]);
    const many = { items: [item(), item('b')], files: 40, bytes: 5e6 };
    expect([title(many), amount(many), unnamed(many)]).toEqual(['40 files', '40 files, 5.0 MB', 38]);
  });

  it('says to its receiver what they need to decide', () => {
    expect(said({})).toBe('58 GB free in Downloads');
    expect(said({}, { free: null })).toBe('It goes to Downloads');
    expect(said({}, { free: null, folder: null })).toBe('It goes to your downloads');
    expect(said({}, { fits: false, free: 1_000_000 })).toBe(
      'Only 1.0 MB are free in Downloads. Save it somewhere else.',
    );
    expect(actions(one(), transfer())).toEqual(['accept', 'save-as', 'decline']);
  });

  it('says where it stands, to both sides', () => {
    const running = { state: 'running', verified: 1_200_000, speed: 3_100_000, secondsLeft: 12 } as const;
    expect(said(running)).toBe('1.2 of 2.4 MB · 3.1 MB/s · 12 s left');
    expect(said({ ...running, speed: 0 })).toBe('1.2 of 2.4 MB');
    expect(said({ state: 'away', verified: 1_200_000 })).toBe(
      'Ada is not connected. It goes on when they are · 1.2 of 2.4 MB',
    );
    expect(said({ state: 'done' })).toBe('Verified · in Downloads');
    expect(said({ state: 'done' }, { ours: true })).toBe('Ada has it · verified');
    expect(said({ state: 'withdrawn' })).toBe('Ada took it back');
    expect(said({ state: 'withdrawn' }, { ours: true })).toBe('Ada cancelled it');
    const problem = { code: 'disk_full', message: 'The disk is full.' };
    expect(said({ state: 'failed', problem })).toBe('The disk is full.');
    expect(isWrong(transfer({ state: 'failed', problem }))).toBe(true);
    expect(isWrong(transfer({ state: 'running' }))).toBe(false);
    expect(done(one(), transfer({ verified: 1_200_000 }))).toBe(0.5);
    expect(done({ bytes: 0 }, transfer())).toBe(1);
  });

  it('has a sentence and its buttons for every state', () => {
    const states: FileTransfer['state'][] = [
      'offered',
      'preparing',
      'running',
      'paused',
      'paused_by_them',
      'away',
      'done',
      'declined',
      'cancelled',
      'withdrawn',
      'failed',
      'cannot',
    ];
    for (const state of states) {
      for (const ours of [true, false]) {
        const it = one({ state }, { ours });
        expect(says(it, transfer({ state }), 'Ada'), state).not.toBe('');
        expect(saysAmong(it, transfer({ state })), state).not.toBe('');
        expect(actions(it, transfer({ state })).includes('accept'), state).toBe(state === 'offered' && !ours);
      }
    }
    expect(actions(one(), transfer({ state: 'failed', resumable: true }))).toEqual(['resume', 'cancel']);
    const full = { code: 'their_disk_full', message: 'There is no room left on their disk.' };
    const waits = transfer({ state: 'paused_by_them', problem: full });
    expect([says(one(), waits, 'Ada'), saysAmong(one(), waits)]).toEqual([
      expect.stringContaining('no room left'),
      expect.stringContaining('no room left'),
    ]);
    expect(actions(one(), transfer({ state: 'done' }))).toEqual(['reveal']);
  });

  it('of ours is taken back while it goes to somebody, and put away afterwards', () => {
    const mine = (to: string | null, ...states: FileTransfer['state'][]) =>
      offer('x', {
        ours: true,
        to,
        transfers: states.map((state, at) => transfer({ peer: `p${at}`, state })),
      });
    const can = (it: FileOffer) => [canTakeBack(it), canForget(it)];
    expect(can(mine('p0', 'running'))).toEqual([true, false]);
    expect(can(mine('p0', 'done'))).toEqual([false, true]);
    // Whoever comes later gets it too.
    expect(can(mine(null, 'done'))).toEqual([true, false]);
    expect(can(mine(null))).toEqual([true, false]);
    expect(can(mine(null, 'done', 'cancelled'))).toEqual([false, true]);
    expect(can(one({ state: 'failed', resumable: true }))).toEqual([false, false]);
    expect(can(one({ state: 'declined' }))).toEqual([false, true]);
    const states = ['done', 'done', 'running', 'offered', 'declined', 'cannot', 'away'] as const;
    expect(summary(mine(null, ...states))).toBe(
      '2 have it, 1 gets it, 1 waits, 1 has not decided, 1 does not want it, 1 did not get it',
    );
  });
});

it('whether something moves is asked before the window is closed', () => {
  expect(moves({ offers: [one({ state: 'running' })] })).toBe(true);
  expect(moves({ offers: [one({ state: 'done' }), one({ state: 'paused' }), one()] })).toBe(false);
});

describe('what is told', () => {
  const told = (before: FileOffer[] | undefined, now: FileOffer[]) =>
    news(before && { offers: before }, { offers: now }).map((it) => plain(newsSays(it, 'Ada')));

  it('is what happened, and never how far something is', () => {
    const offered = one();
    expect(told(undefined, [offered])).toEqual(['Ada offers valve.pdf (2.4 MB)']);
    expect(told([], [one({}, { to: 'me' })])).toEqual(['Ada offers valve.pdf (2.4 MB), only to you']);
    expect(told([offered], [one({ state: 'running' })])).toEqual([]);
    expect(told([one({ state: 'running' })], [one({ state: 'running', verified: 7 })])).toEqual([]);
    expect(told([one({ state: 'running' })], [one({ state: 'done' })])).toEqual([
      'valve.pdf is here, and verified.',
    ]);
    expect(told([offered], [one({ state: 'withdrawn' })])).toEqual(['valve.pdf: Ada took it back']);
  });

  it('of our own is who has it and who does not', () => {
    const mine = (state: FileTransfer['state']) => one({ state }, { ours: true });
    expect(told(undefined, [mine('offered')])).toEqual([]);
    expect(told([mine('running')], [mine('done')])).toEqual(['Ada has valve.pdf.']);
    expect(told([mine('offered')], [mine('declined')])).toEqual(['valve.pdf: Ada does not want it']);
    expect(told([mine('running')], [mine('cancelled')])).toEqual([]);
  });

  it('is nothing of what was over before anybody looked', () => {
    expect(told(undefined, [one({ state: 'done' }), one({ state: 'failed' })])).toEqual([]);
  });
});
