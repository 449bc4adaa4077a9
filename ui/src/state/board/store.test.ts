import { describe, expect, it } from 'vitest';
import type { BoardElement, BoardLive } from '../../core/core';
import { BoardStore, FADE_MS, screenPage } from './store.svelte';
import { boardView, thing } from './testing';

function store(elements: Record<string, BoardElement> = {}): BoardStore {
  const made = new BoardStore();
  made.reset(boardView({ elements }));
  return made;
}

const put = (one: BoardStore, elements: Record<string, BoardElement>, gone: string[] = []) =>
  one.apply({ type: 'elements', put: elements, gone });

describe('the board', () => {
  it('has everything in its order, on its page', () => {
    const one = store({
      '10-a': thing({ order: 5 }),
      '9-b': thing({ order: 5 }),
      '9-a': thing({ order: 5 }),
      '1-a': thing({ order: 9 }),
      '3-a': thing({ kind: 'page', order: 2 }),
      '4-a': thing({ page: '3-a' }),
    });
    expect(one.on(null)).toEqual(['9-a', '9-b', '10-a', '1-a']);
    expect([one.on('3-a'), one.on(undefined), one.on('x')]).toEqual([['4-a'], ['3-a'], []]);
  });

  it('keeps the order through every change, as if all had come at once', () => {
    const one = store();
    const all: Record<string, BoardElement> = {};
    let seed = 7;
    const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below;
    for (let step = 0; step < 600; step += 1) {
      const id = `${random(40)}-${'ab'[random(2)]}`;
      if (random(4) === 0) {
        put(one, {}, [id]);
        // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- a map of a test
        delete all[id];
      } else {
        all[id] = thing({ order: random(9), page: random(3) === 0 ? '99-a' : null });
        put(one, { [id]: all[id] });
      }
    }
    const whole = store(all);
    expect(one.on(null)).toEqual(whole.on(null));
    expect(one.on('99-a')).toEqual(whole.on('99-a'));
    expect(one.size).toBe(whole.size);
  });

  it('tells which things changed, once', () => {
    const one = store({ '1-a': thing() });
    const heard: (readonly string[] | undefined)[] = [];
    const stop = one.listen((ids) => heard.push(ids));
    put(one, { '2-a': thing() }, ['1-a']);
    one.apply({ type: 'drawing', people: ['a'] });
    one.apply({ type: 'all', board: null });
    stop();
    put(one, { '3-a': thing() });
    expect(heard).toEqual([['1-a', '2-a'], [], undefined]);
  });

  it('knows names, pictures and what can be undone', () => {
    const one = store({ '1-a': thing({ kind: 'picture', picture: { hash: 'h', size: [1, 1] } }) });
    const heard: (readonly string[] | undefined)[] = [];
    one.listen((ids) => heard.push(ids));
    one.apply({ type: 'name', peer: 'a', name: 'Ada' });
    one.apply({ type: 'own', own: { canUndo: true, canRedo: false, deletedByOthers: 2, full: true } });
    one.apply({ type: 'picture', hash: 'h' });
    expect([one.names, one.own.deletedByOthers, one.hasPicture('h')]).toEqual([{ a: 'Ada' }, 2, true]);
    expect(heard).toEqual([['1-a']]);
  });

  it('forgets pictures that nothing shows any more, until it is told that they are here again', () => {
    const picture = (hash: string) => thing({ kind: 'picture', picture: { hash, size: [1, 1] } });
    const one = store({ '1-a': picture('h'), '2-a': picture('h'), '3-a': picture('i') });
    for (const hash of ['h', 'i']) one.apply({ type: 'picture', hash });
    const has = () => ['h', 'i'].map((hash) => one.hasPicture(hash));
    put(one, {}, ['1-a']);
    expect(has()).toEqual([true, true]);
    put(one, { '4-a': picture('i') }, ['2-a', '3-a']);
    expect(has()).toEqual([false, true]);
    put(one, { '5-a': picture('h') });
    expect(has()).toEqual([false, true]);
    one.apply({ type: 'picture', hash: 'h' });
    expect(has()).toEqual([true, true]);
  });
});

describe('what others draw right now', () => {
  const { style } = thing();
  const live = (change: Partial<BoardLive> = {}): BoardLive => ({
    ...{ peer: 'a', page: null, pointer: [1, 2], stroke: null, editing: null },
    ...change,
  });
  const stroke = (number: number, keep: number, points: number[], kind: 'pen' | 'laser' = 'pen') =>
    live({ stroke: { number, kind, style, keep, points } });
  const strokes = (one: BoardStore) =>
    one.peers.get('a')?.strokes.map(({ number, points }) => [number, points]);

  it('grows by what comes, and loses what is not valid any more', () => {
    const one = store();
    one.hear([stroke(1, 0, [0, 0, 1, 1, 1, 1])], 0);
    one.hear([stroke(1, 2, [2, 2, 1])], 33);
    expect(strokes(one)).toEqual([[1, [0, 0, 1, 1, 1, 1, 2, 2, 1]]]);
    one.hear([stroke(1, 1, [9, 9, 1])], 66);
    expect(strokes(one)).toEqual([[1, [0, 0, 1, 9, 9, 1]]]);
  });

  it('stays until the element comes that it became, and comes back no more', () => {
    const one = store();
    one.hear([stroke(1, 0, [0, 0, 1])], 0);
    one.hear([live()], 33);
    expect(strokes(one)).toHaveLength(1);
    put(one, { '5-a': thing({ kind: 'pen', live: 1 }) });
    expect(strokes(one)).toEqual([]);
    // Unordered: what was sent before may come after it.
    one.hear([stroke(1, 0, [0, 0, 1])], 66);
    expect(strokes(one)).toEqual([]);
    one.hear([stroke(2, 0, [0, 0, 1])], 99);
    expect(strokes(one)).toHaveLength(1);
  });

  it('goes by itself when nothing becomes of it, a laser’s sooner', () => {
    const one = store();
    one.hear([stroke(1, 0, [0, 0, 1])], 0);
    expect(one.age(1e6)).toBe(false);
    one.hear([stroke(2, 0, [0, 0, 1], 'laser')], 1_000);
    one.hear([live()], 2_000);
    expect([one.age(2_900), strokes(one)?.length]).toEqual([true, 2]);
    expect([one.age(3_100), strokes(one)?.length]).toEqual([true, 1]);
    expect([one.age(2_000 + FADE_MS), strokes(one)?.length]).toEqual([false, 0]);
  });

  it('of whoever points at a shared screen is no matter of who is at the board', () => {
    const one = store();
    one.hear([{ ...live(), page: screenPage('b') }], 0);
    one.apply({ type: 'drawing', people: [] });
    expect([...one.peers.values()].map(({ page }) => page)).toEqual(['0-b']);
  });

  it('has strokes of ours with numbers that were never used, also in a window that was loaded anew', () => {
    const one = store({ '5-me': thing({ author: 'me', live: 7 }), '6-b': thing({ author: 'b', live: 9 }) });
    expect([one.nextStroke(), one.nextStroke()]).toEqual([8, 9]);
  });

  it('ends with whoever leaves', () => {
    const one = store();
    one.hear([live()], 0);
    one.apply({ type: 'drawing', people: [] });
    expect(one.peers.size).toBe(0);
    // In the middle of a stroke, too.
    one.hear([stroke(1, 0, [0, 0, 1])], 0);
    one.apply({ type: 'drawing', people: [] });
    expect(one.peers.size).toBe(0);
  });
});
