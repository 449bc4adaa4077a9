import { describe, expect, it, vi } from 'vitest';
import type { GamesView, SheetStroke, SheetView, SketchPlayer, SketchView } from '../core/core';
import { NO_PRESSURE } from './board/stroke';
import { GameModel } from './game.svelte';
import { Session } from './session.svelte';
import { changedSheet, gains, secondsLeft, spoken, told, visible, winner } from './sketch';
import { SketchModel } from './sketch.svelte';
import { call, participant, ScriptedCore, snapshot } from './testing';
import { Toasts } from './toasts.svelte';

const nameOf = (id: string) => ({ me: 'You', a: 'Ada', b: 'Ben' })[id] ?? 'Somebody';

function player(peer: string, score: number, change: Partial<SketchPlayer> = {}): SketchPlayer {
  return { peer, score, gained: 0, solved: false, next: false, ...change };
}

function sketch(change: Partial<SketchView> = {}): SketchView {
  return {
    id: '9',
    host: 'a',
    watching: false,
    phase: 'drawing',
    language: 'en',
    rounds: 3,
    seconds: 80,
    round: 1,
    players: [player('a', 10), player('me', 30), player('b', 20)],
    watchers: [],
    stalled: false,
    drawer: 'a',
    guessing: true,
    choices: [],
    beganAt: 1_000,
    hint: '_a_',
    word: null,
    said: [],
    fair: true,
    ...change,
  };
}

function stroke(number: number): SheetStroke {
  const style = { color: '#161b1d', fill: null, width: 80, size: 240 };
  return { number, kind: 'pen', style, points: [1, 2, 128] };
}

describe('the sheet', () => {
  const empty: SheetView = { strokes: [], live: null };

  it('grows while a stroke is drawn, and by what is finished', () => {
    const live = { ...stroke(1), keep: 0, points: [0, 0, 128, 5, 5, 128] };
    const begun = changedSheet(empty, { type: 'live', stroke: live });
    const grown = changedSheet(begun, { type: 'live', stroke: { ...live, keep: 1, points: [6, 6, 128] } });
    expect(grown?.live?.points).toEqual([0, 0, 128, 6, 6, 128]);
    const other = changedSheet(grown, { type: 'live', stroke: { ...live, number: 2, points: [9, 9, 128] } });
    expect(other?.live?.points).toEqual([9, 9, 128]);
    const done = changedSheet(other, { type: 'strokes', keep: 0, strokes: [stroke(1), stroke(2)] });
    expect(changedSheet(done, { type: 'live', stroke: null })).toEqual({
      strokes: [stroke(1), stroke(2)],
      live: null,
    });
    expect(changedSheet(done, { type: 'strokes', keep: 1, strokes: [] })?.strokes).toEqual([stroke(1)]);
    expect(changedSheet(null, { type: 'strokes', keep: 0, strokes: [] })).toBeNull();
  });

  it('shows nothing of what was wiped', () => {
    const strokes = [stroke(1), null, stroke(2), null, stroke(3), stroke(4)];
    expect(visible({ strokes, live: null }).map(({ number }) => number)).toEqual([3, 4]);
    expect(visible({ strokes: [stroke(1), null], live: null })).toEqual([]);
    expect(visible(null)).toEqual([]);
  });
});

describe('what is said', () => {
  it('tells how many letters there are and which are known', () => {
    expect(spoken('___')).toBe('3 letters');
    expect(spoken('_a_')).toBe('3 letters, a is number 2');
    expect(spoken('___ _____')).toBe('2 words: 3 letters; 5 letters');
    expect(spoken('')).toBe('');
  });

  it('tells whose turn it is, how it ended and who has won', () => {
    const says = (before: SketchView, now: SketchView) => told(before, now, nameOf);
    const pause = sketch({
      phase: 'pause',
      word: 'cat',
      players: [player('a', 10, { gained: 45 }), player('me', 30)],
    });
    const choosing = sketch({ phase: 'choosing', drawer: 'b', hint: '', beganAt: null });
    expect(says(pause, choosing)).toEqual(['Ben draws, and chooses a word.']);
    expect(says(pause, { ...choosing, drawer: 'me' })).toEqual(['You draw. Choose a word.']);
    expect(says(choosing, sketch({ drawer: 'b' }))).toEqual(['The word has 3 letters, a is number 2.']);
    expect(says(choosing, sketch({ drawer: 'b', word: 'cat' }))).toEqual(['Draw cat.']);
    expect(says(sketch(), sketch())).toEqual([]);
    expect(says(sketch(), pause)).toEqual(['The word was cat. Ada +45.']);
    expect(says(pause, sketch({ phase: 'over' }))).toEqual(['You have won with 30 points.']);
    expect(says(sketch(), sketch({ host: 'me' }))).toEqual(['You host the game now.']);
    expect(told(sketch(), null, nameOf)).toEqual(['The game is over for you.']);
    const broken = says(sketch(), { ...pause, fair: false });
    expect(broken.at(-1)).toContain('did not keep to the word');
  });

  it('names everybody who has won', () => {
    expect(winner(sketch({ players: [player('a', 5), player('b', 5), player('me', 1)] }), nameOf)).toBe(
      'Ada and Ben have won with 5 points.',
    );
    expect(gains(sketch(), nameOf)).toBe('Nobody gets a point.');
  });

  it('counts the seconds down', () => {
    expect(secondsLeft(sketch(), 1_000)).toBe(80);
    expect(secondsLeft(sketch(), 71_500)).toBe(10);
    expect(secondsLeft(sketch(), 200_000)).toBe(0);
    expect(secondsLeft(sketch({ phase: 'pause' }), 1_000)).toBeUndefined();
  });
});

async function begun(games: Partial<GamesView>, sheet: SheetView | null = null) {
  const core = new ScriptedCore();
  core.snapshot = snapshot({
    call: call({
      participants: [participant({ id: 'a', name: 'Ada' }), participant({ id: 'b', name: 'Ben' })],
    }),
    games: { me: 'me', offers: [], game: null, sketch: null, ...games },
    sheet,
  });
  const session = new Session(core, new Toasts());
  await session.start();
  const beside = { nameOf, now: () => 11_000, after: () => () => undefined };
  const model = new SketchModel(session, beside);
  return { core, session, model };
}

function asked(core: ScriptedCore) {
  return core.asked.flatMap((command) => (command.type === 'sketch' ? [command.command] : []));
}

describe('the pen', () => {
  const ours = sketch({ drawer: 'me', word: 'cat', guessing: false });

  it('draws what is told while it is drawn and stays until the engine says so', async () => {
    const { core, model } = await begun({ sketch: ours }, { strokes: [], live: null });
    model.down({ x: 100, y: 100 }, NO_PRESSURE);
    model.move([{ at: { x: 900, y: 9_000 }, pressure: NO_PRESSURE }], 1);
    expect(model.held?.points.length).toBe(6);
    model.up();
    const drawn = asked(core).find((one) => one.type === 'draw');
    expect(drawn?.stroke.number).toBe(1);
    expect(drawn?.stroke.points.slice(-3)).toEqual([900, 6_000, NO_PRESSURE]);
    expect(asked(core).at(-2)?.type).toBe('live');
    expect(model.pending.length).toBe(1);
    core.tell({ type: 'sheet', change: { type: 'strokes', keep: 0, strokes: [stroke(1)] } });
    model.followSheet();
    expect(model.pending).toEqual([]);
    model.undo();
    model.clear();
    expect(asked(core).slice(-2)).toEqual([{ type: 'undo' }, { type: 'clear' }]);
  });

  it('is moved, put down and lifted by keys too', async () => {
    const { core, model } = await begun({ sketch: ours }, { strokes: [], live: null });
    const press = (key: string) => model.sheetKey({ key, shiftKey: false });
    expect(press('ArrowRight')).toBe(true);
    expect(press('Enter')).toBe(true);
    press('ArrowDown');
    press('ArrowDown');
    press('Enter');
    const drawn = asked(core).find((one) => one.type === 'draw');
    expect(drawn?.stroke.points.slice(0, 3)).toEqual([4_100, 3_000, NO_PRESSURE]);
    expect(drawn?.stroke.points.slice(-3)).toEqual([4_100, 3_200, NO_PRESSURE]);
    expect(press('x')).toBe(false);
    expect(model.says).toBe('The pen is lifted.');
  });

  it('is nobody else’s', async () => {
    const { core, model } = await begun({ sketch: sketch() }, { strokes: [stroke(1)], live: null });
    model.down({ x: 1, y: 1 }, NO_PRESSURE);
    model.undo();
    model.clear();
    expect(model.sheetKey({ key: 'Enter' })).toBe(false);
    expect([model.held, asked(core)]).toEqual([undefined, []]);
  });
});

describe('guesses', () => {
  it('are said once, and come back when they could not be said', async () => {
    const { core, session, model } = await begun({ sketch: sketch() });
    model.draft = '  a cat ';
    await model.guess();
    expect(asked(core)).toEqual([{ type: 'guess', text: 'a cat' }]);
    expect(model.draft).toBe('');
    vi.spyOn(session, 'ask').mockResolvedValue(false);
    model.draft = 'dog';
    await model.guess();
    expect(model.draft).toBe('dog');
  });

  it('are not asked of whoever has it, watches or draws', async () => {
    const has = sketch({ guessing: false, said: [{ peer: 'me', verdict: 'right', text: 'cat' }] });
    expect((await begun({ sketch: has })).model.note).toBe('You have it. The others still guess.');
    const next = sketch({ guessing: false, players: [player('me', 0, { next: true })] });
    expect((await begun({ sketch: next })).model.note).toBe('You play from the next turn on.');
    const watching = sketch({ guessing: false, watching: true });
    expect((await begun({ sketch: watching })).model.note).toBe('You are watching.');
    expect((await begun({ sketch: sketch() })).model.note).toBe('');
  });

  it('are typed against a clock that is said aloud in the end', async () => {
    const { model } = await begun({ sketch: sketch({ beganAt: 1_000, seconds: 20 }) });
    model.tick();
    expect([model.left, model.says]).toEqual([10, '10 seconds left.']);
  });
});

describe('offers', () => {
  const offer = { id: '9', kind: 'draw_and_guess' as const, host: 'a', players: ['a'], playing: false };

  it('are told by what they are, and joined as that', async () => {
    const { core, session } = await begun({ offers: [offer] });
    const told = vi.fn();
    const games = new GameModel(session, { nameOf, offer: told });
    games.follow();
    expect(told).toHaveBeenCalledWith(expect.stringContaining('offers a game of Draw and guess'));
    await games.join('9', true);
    expect(asked(core)).toEqual([{ type: 'join', game: '9', watch: true }]);
  });
});
