// @vitest-environment jsdom
import { flushSync, mount, unmount } from 'svelte';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { GamesView, SheetView, SketchPlayer, SketchView } from '../core/core';
import { Session } from '../state/session.svelte';
import { call, participant, ScriptedCore, snapshot } from '../state/testing';
import { Toasts } from '../state/toasts.svelte';
import Call from './Call.svelte';

class ResizeObserver {
  observe() {}
  unobserve() {}
  disconnect() {}
}
vi.stubGlobal('ResizeObserver', ResizeObserver);

function noGames(change: Partial<GamesView> = {}): GamesView {
  return { me: 'me', offers: [], game: null, sketch: null, ...change };
}

function player(peer: string, gained = 0): SketchPlayer {
  return { peer, score: 100 + gained, gained, solved: false, next: false };
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
    round: 2,
    players: ['a', 'me', 'b', 'c'].map((peer) => player(peer)),
    watchers: [],
    stalled: false,
    drawer: 'a',
    guessing: true,
    choices: [],
    beganAt: Date.now() - 41_000,
    hint: '_o___',
    word: null,
    said: [
      { peer: 'b', verdict: 'wrong', text: 'tree' },
      { peer: 'c', verdict: 'wrong', text: 'a pencil?' },
      { peer: 'me', verdict: 'wrong', text: 'barn' },
      { peer: 'b', verdict: 'right', text: null },
      { peer: 'me', verdict: 'close', text: 'hose' },
    ],
    fair: true,
    ...change,
  };
}

function counted(change: Partial<SketchView> = {}): SketchView {
  const players = [player('a', 60), player('me', 44), player('b', 81), player('c')];
  return sketch({ phase: 'pause', guessing: false, word: 'house', players, ...change });
}

function sheet(): SheetView {
  const style = { color: '#161b1d', fill: null, width: 80, size: 240 };
  return { strokes: [{ number: 1, kind: 'pen', style, points: [1, 2, 128, 9, 9, 128] }], live: null };
}

let core: ScriptedCore;
let opened: (() => Promise<void>) | undefined;

beforeEach(() => {
  vi.spyOn(HTMLElement.prototype, 'clientWidth', 'get').mockReturnValue(1_280);
  vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(700);
  // A document that is not drawn has no canvases: whatever is asked of one does nothing.
  const context: unknown = new Proxy({}, { get: () => () => ({ width: 0 }), set: () => true });
  vi.spyOn(HTMLCanvasElement.prototype, 'getContext').mockReturnValue(context as never);
});

async function open(games: Partial<GamesView>, drawn: SheetView | null = null) {
  core = new ScriptedCore();
  const ids = { a: 'Ada', b: 'Ben', c: 'Cyd' };
  const participants = Object.entries(ids).map(([id, name]) => participant({ id, name }));
  core.snapshot = snapshot({ call: call({ participants }), games: noGames(games), sheet: drawn });
  const session = new Session(core, new Toasts(() => undefined));
  await session.start();
  const screen = mount(Call, {
    target: document.body,
    props: {
      session,
      get call() {
        return session.call ?? call();
      },
      onsettings: () => {},
      onkeys: () => {},
      covered: false,
      status: 0,
      panel: undefined,
    },
  });
  flushSync();
  opened = () => unmount(screen);
  press('g');
}

afterEach(() => opened?.());

const all = (id: string) => [...document.querySelectorAll<HTMLElement>(`[data-testid="${id}"]`)];
const text = (id: string) =>
  all(id).map((one) => one.textContent?.replace(/[\s\u2068\u2069]+/gu, ' ').trim());
const asked = () => core.asked.flatMap((one) => (one.type === 'sketch' ? [one.command] : []));

async function click(id: string, at = 0) {
  const element = all(id)[at];
  if (!element) throw new Error(`there is no ${id}`);
  element.click();
  // What it asked for is answered in this turn of the loop.
  await new Promise((done) => setTimeout(done));
  flushSync();
}

function press(key: string) {
  document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
  flushSync();
}

describe('draw and guess', () => {
  it('is offered beside Curves, with its words, rounds and time', async () => {
    await open({});
    expect(all('game-offer-new')).toHaveLength(1);
    await click('sketch-offer-new');
    expect(asked()).toEqual([{ type: 'offer', language: 'en', rounds: 3, seconds: 80 }]);
  });

  it('is joined where somebody offers it', async () => {
    const offer = { id: '9', kind: 'draw_and_guess' as const, host: 'a', players: ['a'], playing: true };
    await open({ offers: [offer] });
    expect(text('game-offer')[0]).toContain('Ada offers Draw and guess');
    expect(text('game-offer')[0]).toContain('from the next turn on');
    await click('game-join');
    expect(asked()).toEqual([{ type: 'join', game: '9', watch: false }]);
  });

  it('has a log of guesses and a field that has the focus when it is time to guess', async () => {
    await open({ sketch: sketch() }, sheet());
    const log = document.querySelector('[role="log"][aria-label="Guesses"]');
    expect(log?.querySelectorAll('p')).toHaveLength(5);
    expect(text('sketch-said').at(-1)).toBe('You hose is close');
    expect(text('sketch-hint')[0]).toContain('The word has 5 letters, o is number 2.');
    const field = all('sketch-guess')[0] as HTMLInputElement;
    expect(document.activeElement).toBe(field);
    field.value = 'castle';
    field.dispatchEvent(new Event('input', { bubbles: true }));
    field.form?.requestSubmit();
    await new Promise((done) => setTimeout(done));
    expect(asked()).toEqual([{ type: 'guess', text: 'castle' }]);
    expect(all('sketch-tools')).toHaveLength(0);
    expect(all('sketch-sheet')[0]?.getAttribute('role')).toBe('img');
  });

  it('lets whoever has the turn choose, draw by keys, undo and wipe', async () => {
    const choices = ['cat', 'dog', 'sun'];
    await open({
      sketch: sketch({ phase: 'choosing', drawer: 'me', choices, guessing: false, beganAt: null }),
    });
    expect(text('sketch-choice')).toEqual(choices);
    await click('sketch-choice', 1);
    expect(asked()).toEqual([{ type: 'choose', word: 1 }]);
    const drawing = sketch({ drawer: 'me', word: 'dog', guessing: false });
    core.tell({ type: 'sheet', change: { type: 'all', sheet: sheet() } });
    core.tell({ type: 'games', games: noGames({ sketch: drawing }) });
    flushSync();
    expect(text('sketch-hint')).toEqual(['Draw dog']);
    const paper = all('sketch-sheet')[0];
    expect(paper?.tabIndex).toBe(0);
    paper?.focus();
    for (const key of ['Enter', 'ArrowRight', 'Enter']) {
      paper?.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
    }
    await click('sketch-undo');
    await click('sketch-clear');
    const deeds = asked().map(({ type }) => type);
    expect(deeds.filter((type) => type !== 'live')).toEqual(['choose', 'draw', 'undo', 'clear']);
    expect(deeds).toContain('live');
    expect(all('sketch-guess')).toHaveLength(0);
  });

  it('shows the word and what it was worth, and a program that cheats', async () => {
    await open({ sketch: counted({ fair: false }) }, sheet());
    expect(text('sketch-word')).toEqual(['house']);
    expect(text('sketch-card')[0]).toContain('Ben +81, Ada +60, You +44.');
    expect(text('sketch-unfair')[0]).toContain('program did not keep to the word');
    await click('sketch-leave');
    expect(asked()).toEqual([{ type: 'leave' }]);
  });
});
