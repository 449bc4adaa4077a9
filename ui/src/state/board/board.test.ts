// @vitest-environment jsdom
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { BoardCommand, BoardElement, Reply } from '../../core/core';
import type { KeyPress } from '../keys';
import { Session } from '../session.svelte';
import { ScriptedCore, snapshot } from '../testing';
import { Toasts } from '../toasts.svelte';
import { BoardModel, type Down } from './board.svelte';
import { boardView, thing } from './testing';

let core: ScriptedCore;
let session: Session;
let board: BoardModel;
let now = 0;

async function open(elements: Record<string, BoardElement> = {}) {
  core = new ScriptedCore();
  core.snapshot = snapshot({ board: boardView({ elements, names: { b: 'Grace' } }) });
  session = new Session(core, new Toasts(() => undefined));
  await session.start();
  board = new BoardModel(session, {
    nameOf: (id) => (id === 'a' ? 'Ada' : undefined),
    measure: (text, size) => text.length * size * 0.5,
    now: () => now,
    after: (callback, ms) => {
      const timer = setTimeout(callback, ms);
      return () => clearTimeout(timer);
    },
  });
  board.looking.view = { width: 800, height: 600 };
  board.looking.camera = { x: 0, y: 0, zoom: 1 };
  session.board.listen((ids) => board.follow(ids));
}

const tell = (put: Record<string, BoardElement>, gone: string[] = []) =>
  core.tell({ type: 'board', change: { type: 'elements', put, gone } });

/** What was asked of the board, but for what is told of the moment. */
const asked = (): BoardCommand[] =>
  core.asked.flatMap((command) =>
    command.type === 'board' && command.command.type !== 'live' ? [command.command] : [],
  );
const said = () =>
  core.asked.flatMap((command) =>
    command.type === 'board' && command.command.type === 'live' ? [command.command.live] : [],
  );

const at = (x: number, y: number, change: Partial<Down> = {}): Down => ({
  ...{ view: { x, y }, pressure: 128, straight: false, kind: 'mouse', button: 0 },
  ...change,
});

function pull(from: [number, number], ...to: [number, number][]) {
  board.down(at(...from));
  for (const point of to) board.move([at(...point)]);
  board.up();
}

const key = (name: string, change: Partial<KeyPress> = {}): boolean =>
  board.keyDown({
    ...{ key: name, ctrlKey: false, altKey: false, metaKey: false, repeat: false, target: document.body },
    ...change,
  });
const drawn = (id: string): Reply => ({ type: 'drawn', ids: [id] });

beforeEach(() => {
  vi.useFakeTimers();
  now = 0;
  return () => vi.useRealTimers();
});

describe('a pen', () => {
  it('draws for the others while it moves, and leaves a thing when it is lifted', async () => {
    await open();
    core.answers.set('board', drawn('1-me'));
    board.down(at(10, 10));
    for (let step = 1; step < 20; step += 1) board.move([at(10 + step * 4, 10)]);
    expect(board.strokes.pending).toHaveLength(1);
    vi.advanceTimersByTime(40);
    const [first] = said();
    expect(first?.stroke).toMatchObject({ number: 1, kind: 'pen', keep: 0 });
    board.move([at(200, 10)]);
    vi.advanceTimersByTime(40);
    // No point is told twice.
    expect(said().at(-1)?.stroke?.keep).toBe((first?.stroke?.points.length ?? 0) / 3);
    board.up();
    const [made] = asked();
    expect(made).toMatchObject({ type: 'add', elements: [{ kind: 'pen', live: 1, page: null }] });
    if (made?.type !== 'add') throw new Error('nothing was drawn');
    expect(made.elements[0]?.points.slice(-3)).toEqual([2_000, 100, 128]);
    vi.advanceTimersByTime(40);
    expect(said().at(-1)?.stroke).toBeNull();
    // It is drawn here until the engine tells of it.
    await vi.advanceTimersByTimeAsync(0);
    expect(board.strokes.pending).toHaveLength(1);
    tell({ '1-me': thing({ author: 'me', kind: 'pen', live: 1 }) });
    expect(board.strokes.pending).toEqual([]);
  });

  it('leaves nothing when it is refused, and says why', async () => {
    await open();
    core.answers.set('board', { code: 'board_full', message: 'The board is full.' });
    pull([10, 10], [50, 50]);
    await vi.advanceTimersByTimeAsync(0);
    expect(board.strokes.pending).toEqual([]);
    expect(session.toasts.list.map(({ message }) => message)).toEqual(['The board is full.']);
  });

  it('is given up by Esc, and by a second finger', async () => {
    await open();
    board.down(at(10, 10));
    board.move([at(90, 90)]);
    expect(key('Escape')).toBe(true);
    board.up();
    expect([board.strokes.pending, asked()]).toEqual([[], []]);
  });

  it('rests: where a pen is used, fingers only move the board', async () => {
    await open();
    pull([10, 10], [30, 30]);
    board.down(at(10, 10, { kind: 'touch' }));
    board.up();
    expect(asked()).toHaveLength(2);
    board.down(at(10, 10, { kind: 'pen' }));
    board.up();
    board.down(at(10, 10, { kind: 'touch' }));
    board.move([at(60, 10, { kind: 'touch' })]);
    board.up();
    expect([asked().length, board.looking.camera.x]).toEqual([3, -500]);
  });
});

describe('shapes', () => {
  it('are pulled from corner to corner, square with Shift, and a press alone draws none', async () => {
    await open();
    key('r');
    pull([10, 10]);
    expect(asked()).toEqual([]);
    pull([100, 100], [60, 40]);
    board.down(at(100, 100));
    board.move([at(160, 120, { straight: true })]);
    board.up();
    key('a');
    pull([100, 100], [60, 40]);
    const frames = asked().map((command) => command.type === 'add' && command.elements[0]?.frame);
    expect(frames).toEqual([
      [600, 400, 400, 600],
      [1_000, 1_000, 600, 600],
      [1_000, 1_000, -400, -600],
    ]);
  });

  it('are put into the middle by Enter, without a mouse', async () => {
    await open();
    key('o');
    expect(key('Enter')).toBe(true);
    expect(asked()).toMatchObject([
      { type: 'add', elements: [{ kind: 'ellipse', frame: [3_000, 2_500, 2_000, 1_000] }] },
    ]);
  });
});

describe('a laser', () => {
  it('leaves a trail that fades, and nothing on the board', async () => {
    await open();
    key('x');
    pull([10, 10], [90, 90]);
    vi.advanceTimersByTime(40);
    expect([
      asked(),
      board.strokes.trails.length,
      board.age(500),
      board.age(2_000),
      board.strokes.trails.length,
    ]).toEqual([...[[], 1, true, false, 0]]);
  });
});

describe('an eraser', () => {
  it('takes whole things when it is lifted, as one step', async () => {
    await open({
      '1-a': thing({ kind: 'line', frame: [500, 0, 0, 1_000] }),
      '2-a': thing({ kind: 'line', frame: [900, 0, 0, 1_000] }),
      '3-a': thing({ kind: 'line', frame: [5_000, 0, 0, 1_000] }),
    });
    key('e');
    board.down(at(10, 50));
    board.move([at(120, 50)]);
    expect([...board.erasing].sort()).toEqual(['1-a', '2-a']);
    board.up();
    expect(board.erasing.size).toBe(0);
    const [removed] = asked();
    expect(removed?.type === 'remove' && [...removed.ids].sort()).toEqual(['1-a', '2-a']);
  });
});

describe('choosing', () => {
  const three = () => ({
    '1-a': thing({ frame: [100, 100, 500, 500], style: { ...thing().style, fill: '#ffffff' } }),
    '2-b': thing({ author: 'b', frame: [1_000, 100, 500, 500] }),
    '3-me': thing({ author: 'me', kind: 'text', frame: [100, 1_000, 900, 300], text: 'Hello' }),
  });

  it('is a press, adds with Shift, and a press beside everything ends it', async () => {
    await open(three());
    key('s');
    pull([30, 30]);
    expect(board.chosen).toEqual(['1-a']);
    board.down(at(100, 20, { straight: true }));
    board.up();
    expect(board.chosen).toEqual(['1-a', '2-b']);
    pull([700, 500]);
    expect(board.chosen).toEqual([]);
  });

  it('opens a frame over what it touches', async () => {
    await open(three());
    key('s');
    board.down(at(5, 5));
    board.move([at(120, 70)]);
    expect(board.marquee).toEqual({ x: 50, y: 50, width: 1_150, height: 650 });
    board.up();
    expect([[...board.chosen].sort(), board.marquee]).toEqual([['1-a', '2-b'], undefined]);
  });

  it('moves what is pulled: here at once, for the others ten times a second, as one step', async () => {
    await open(three());
    key('s');
    board.down(at(30, 30));
    board.move([at(50, 30)]);
    board.move([at(60, 40)]);
    expect(board.get('1-a')?.frame).toEqual([400, 200, 500, 500]);
    expect(asked()).toEqual([]);
    vi.advanceTimersByTime(100);
    expect(asked()).toHaveLength(1);
    board.move([at(70, 40)]);
    board.up();
    const changes = asked().map(
      (command) => command.type === 'change' && [command.gesture, command.changes[0]?.frame],
    );
    expect(changes).toEqual([
      [1, [400, 200, 500, 500]],
      [1, [500, 200, 500, 500]],
    ]);
    // It stays there until the engine says the same.
    expect(board.moving.shifted.size).toBe(1);
    tell({ '1-a': thing({ frame: [500, 200, 500, 500] }) });
    expect(board.moving.shifted.size).toBe(0);
  });

  it('lets what was refused lie where it lay', async () => {
    await open(three());
    core.answers.set('board', { code: 'x', message: 'No.' });
    key('s');
    pull([30, 30], [60, 30]);
    await vi.advanceTimersByTimeAsync(0);
    expect(board.get('1-a')?.frame).toEqual([100, 100, 500, 500]);
  });

  it('pulls a handle', async () => {
    await open(three());
    key('s');
    pull([30, 30]);
    pull([60, 60], [110, 85]);
    expect(asked()).toMatchObject([
      { type: 'change', changes: [{ id: '1-a', frame: [100, 100, 1_000, 750] }] },
    ]);
  });

  it('ends for what somebody else deletes', async () => {
    await open(three());
    key('a', { ctrlKey: true });
    expect(board.chosen).toHaveLength(3);
    tell({}, ['2-b']);
    expect(board.chosen).toEqual(['1-a', '3-me']);
  });

  it('brings what is picked from the list into view', async () => {
    await open({ '1-a': thing({ frame: [90_000, 0, 100, 100] }) });
    board.pick('1-a', false);
    expect([board.chosen, board.tool, board.looking.camera.x]).toEqual([['1-a'], 'select', 86_050]);
  });

  it('gives what is chosen another colour, and leaves the rest of it alone', async () => {
    await open(three());
    board.choose(['2-b']);
    board.setChoice({ color: '#c22a1c' });
    expect(asked()).toMatchObject([
      {
        type: 'change',
        changes: [{ id: '2-b', style: { color: '#c22a1c', fill: null, width: 20, size: 240 } }],
      },
    ]);
  });
});

describe('keys', () => {
  it('move what is chosen, delete it, and are one step when they follow each other', async () => {
    await open({ '1-a': thing({ frame: [100, 100, 50, 50] }) });
    board.pick('1-a', false);
    key('ArrowRight');
    key('ArrowDown', { shiftKey: true });
    key('Delete');
    expect(asked()).toMatchObject([
      { type: 'change', gesture: 1, changes: [{ frame: [110, 100, 50, 50] }] },
      { type: 'change', gesture: 1, changes: [{ frame: [110, 200, 50, 50] }] },
      { type: 'remove', ids: ['1-a'] },
    ]);
  });

  it('move the board when nothing is chosen, and zoom', async () => {
    await open();
    key('ArrowRight');
    expect(board.looking.camera.x).toBe(600);
    key('+');
    expect(board.looking.camera.zoom).toBe(1.25);
  });

  it('undo and redo what there is to', async () => {
    await open();
    key('z', { ctrlKey: true });
    expect(asked()).toEqual([]);
    core.tell({
      type: 'board',
      change: { type: 'own', own: { canUndo: true, canRedo: true, deletedByOthers: 0, full: false } },
    });
    key('z', { ctrlKey: true });
    key('Z', { ctrlKey: true, shiftKey: true });
    expect(asked()).toEqual([{ type: 'undo' }, { type: 'redo' }]);
  });

  it('leave the call’s alone, and Esc when there is nothing to give up', async () => {
    await open({ '1-a': thing() });
    for (const name of ['m', 'v', 'c', 'k', 'l', 'w', ' ', '1', '?']) expect(key(name)).toBe(false);
    expect(key('r', { altKey: true })).toBe(false);
    board.pick('1-a', false);
    expect([key('Escape'), key('Escape')]).toEqual([true, false]);
  });
});

describe('writing', () => {
  it('puts a text where the hand pressed, as large as what it says', async () => {
    await open();
    core.answers.set('board', drawn('7-me'));
    key('t');
    pull([100, 100]);
    expect(board.texts.writing).toMatchObject({ kind: 'text', id: undefined });
    if (board.texts.writing) board.texts.writing.text = 'Valve ';
    board.texts.finish();
    expect(asked()).toMatchObject([
      { type: 'add', elements: [{ kind: 'text', text: 'Valve', frame: [1_000, 900, 630, 312] }] },
    ]);
    await vi.advanceTimersByTimeAsync(0);
    tell({ '7-me': thing({ author: 'me', kind: 'text', text: 'Valve' }) });
    expect([board.tool, board.chosen]).toEqual(['select', ['7-me']]);
  });

  it('loses nothing that was refused', async () => {
    await open();
    core.answers.set('board', { code: 'board_full', message: 'The board is full.' });
    key('n');
    key('Enter');
    if (board.texts.writing) board.texts.writing.text = 'Long thought';
    board.texts.finish();
    expect(board.texts.writing).toBeUndefined();
    await vi.advanceTimersByTimeAsync(0);
    expect(board.texts.writing).toMatchObject({ kind: 'note', text: 'Long thought' });
  });

  it('takes up a text by a double press, tells the others, and deletes what is emptied', async () => {
    await open({ '1-a': thing({ kind: 'text', text: 'Hello', frame: [0, 0, 1_000, 300] }) });
    key('s');
    pull([20, 20]);
    now = 200;
    pull([20, 20]);
    expect(board.texts.writing).toMatchObject({ id: '1-a', text: 'Hello' });
    vi.advanceTimersByTime(40);
    expect(said().at(-1)?.editing).toBe('1-a');
    if (board.texts.writing) board.texts.writing.text = ' ';
    board.texts.finish();
    vi.advanceTimersByTime(40);
    expect([asked(), said().at(-1)?.editing]).toEqual([
      [{ type: 'remove', ids: ['1-a'], gesture: null }],
      null,
    ]);
  });

  it('waits while somebody else writes in it', async () => {
    await open({ '1-a': thing({ kind: 'note', text: 'Hello' }) });
    core.tell({
      type: 'board_live',
      live: [{ peer: 'b', page: null, pointer: null, stroke: null, editing: '1-a' }],
    });
    board.texts.edit('1-a');
    expect(board.texts.writing).toBeUndefined();
    expect(session.toasts.list.map(({ message }) => message)).toEqual([
      'Grace is writing in it. Wait a moment.',
    ]);
  });

  it('changes nothing when nothing was changed', async () => {
    await open({ '1-a': thing({ kind: 'note', text: 'Hello' }) });
    board.texts.edit('1-a');
    board.texts.finish();
    expect(asked()).toEqual([]);
  });
});

describe('pages', () => {
  it('are turned, made, and the first is shown when the one that is looked at goes', async () => {
    await open({ '1-a': thing({ kind: 'page', order: 1 }), '2-a': thing({ page: '1-a' }) });
    expect([board.pages.all, board.pages.count]).toEqual([[null, '1-a'], 0]);
    key('PageDown');
    expect([board.page, board.pages.number, board.pages.count]).toEqual(['1-a', 2, 1]);
    board.pages.turn(1);
    expect(board.pages.number).toBe(2);
    tell({}, ['1-a', '2-a']);
    expect([board.page, board.pages.number]).toEqual([null, 1]);
    core.answers.set('board', drawn('9-me'));
    await board.pages.add();
    tell({ '9-me': thing({ kind: 'page', order: 2 }) });
    expect(board.page).toBe('9-me');
  });

  it('where others draw are offered', async () => {
    await open({ '1-a': thing({ kind: 'page', order: 1 }) });
    core.tell({
      type: 'board_live',
      live: [{ peer: 'a', page: '1-a', pointer: [0, 0], stroke: null, editing: null }],
    });
    core.tell({ type: 'board', change: { type: 'drawing', people: ['a'] } });
    expect(board.pages.elsewhere).toEqual([{ peer: 'a', page: '1-a', number: 2 }]);
    board.pages.show('1-a');
    expect(board.pages.elsewhere).toEqual([]);
  });
});

describe('for whoever hears it', () => {
  it('everything has a name and an author', async () => {
    await open({
      '1-a': thing({ kind: 'note', text: 'Buy\n milk' }),
      '2-me': thing({ author: 'me', kind: 'pen', style: { ...thing().style, color: '#c22a1c' } }),
      '3-x': thing({ author: 'x', kind: 'text', text: 'y'.repeat(200) }),
    });
    expect(['1-a', '2-me'].map((id) => [board.describe(id), board.authorOf(id)])).toEqual([
      ['Note: Buy milk', 'Ada'],
      ['Red pen stroke', 'you'],
    ]);
    expect([board.describe('3-x').length, board.authorOf('3-x')]).toEqual([86, 'somebody']);
  });
});
