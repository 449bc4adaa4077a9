import { describe, expect, it, vi } from 'vitest';
import type { ArenaView, GamePlayer, GamesView, GameView } from '../core/core';
import { changedArena, countdown, fate, told, winner } from './game';
import { list } from '../words';
import { GameModel } from './game.svelte';
import type { KeyPress } from './keys';
import { Session } from './session.svelte';
import { call, participant, ScriptedCore, snapshot } from './testing';
import { Toasts } from './toasts.svelte';

const nameOf = (id: string) => ({ me: 'You', a: 'Ada', b: 'Ben' })[id] ?? 'Somebody';

function player(peer: string, seat: number | null, change: Partial<GamePlayer> = {}): GamePlayer {
  return { peer, seat, score: 0, gained: 0, out: null, ...change };
}

function game(change: Partial<GameView> = {}): GameView {
  return {
    id: '1',
    kind: 'curves',
    host: 'a',
    watching: false,
    phase: 'round',
    round: 1,
    target: 10,
    players: [player('a', 0), player('me', 1), player('b', 2)],
    watchers: [],
    stalled: false,
    ...change,
  };
}

describe('the arena', () => {
  const begun: ArenaView = {
    round: 1,
    tick: 0,
    lines: [
      [8, 8],
      [40, 40],
    ],
    ahead: [[], []],
    heads: [null, null],
  };

  it('grows by what is new and shows what is foretold', () => {
    const after = changedArena(begun, {
      type: 'frame',
      tick: 183,
      done: [[16, 8], []],
      ahead: [[], [44, 40]],
      heads: [[20, 8, 0], null],
    });
    expect(after?.lines).toEqual([
      [8, 8, 16, 8],
      [40, 40],
    ]);
    expect(after?.lines[1]).toBe(begun.lines[1]);
    expect([after?.tick, after?.ahead[1], after?.heads[0]]).toEqual([183, [44, 40], [20, 8, 0]]);
    expect(changedArena(after, { type: 'checked', round: 1, tick: 60, hash: '' })).toBe(after);
    expect(changedArena(after, { type: 'all', arena: null })).toBeNull();
  });

  it('is counted down for three seconds', () => {
    expect([0, 1, 60, 179, 180].map(countdown)).toEqual([3, 3, 2, 1, undefined]);
  });
});

describe('what is said', () => {
  it('says who ran into what', () => {
    const into = (peer: string, out: GamePlayer['out']) => fate(player(peer, 1, { out }), game(), nameOf);
    expect(into('me', { by: 'wall' })).toBe('You are out: into the wall.');
    expect(into('me', { by: 'line', seat: 0 })).toBe("You are out: into Ada's line.");
    expect(into('b', { by: 'line', seat: 1 })).toBe('Ben is out: into your line.');
    expect(fate(game().players[0] ?? player('a', 0), game(), nameOf)).toBe('');
    const own = fate(player('a', 0, { out: { by: 'line', seat: 0 } }), game(), nameOf);
    expect(own).toBe('Ada is out: into their own line.');
    expect(into('b', { by: 'left' })).toBe('Ben left the round.');
  });

  it('tells what changed once, and the result of a round', () => {
    const one = game();
    expect(told(undefined, one, nameOf)).toEqual([]);
    const out = {
      ...one,
      players: [player('a', 0), player('me', 1), player('b', 2, { out: { by: 'wall' } })],
    };
    expect(told(one, out, nameOf)).toEqual(['Ben is out: into the wall.']);
    expect(told(out, out, nameOf)).toEqual([]);
    const over = game({
      phase: 'pause',
      players: [
        player('a', 0, { score: 3, gained: 1, out: { by: 'wall' } }),
        player('me', 1, { score: 5, gained: 2 }),
        player('b', 2, { out: { by: 'wall' } }),
      ],
    });
    expect(told(out, over, nameOf)).toEqual([
      'Ada is out: into the wall.',
      'The round is over. You +2, 5 in all; Ada +1, 3 in all.',
    ]);
    expect(told(over, game({ round: 2, host: 'me' }), nameOf)).toEqual([
      'You host the game now.',
      'Round 2.',
    ]);
    expect(told(one, null, nameOf)).toEqual(['The game is over for you.']);
    expect(winner(over, nameOf)).toBe('You have won with 5 points.');
  });

  it('names several people', () => {
    expect([list([]), list(['Ada']), list(['Ada', 'Ben', 'Eva'])]).toEqual(['', 'Ada', 'Ada, Ben and Eva']);
  });
});

describe('the model', () => {
  let core: ScriptedCore;

  async function open(games: Partial<GamesView>) {
    core = new ScriptedCore();
    const people = [participant({ id: 'a', name: 'Ada' }), participant({ id: 'b', name: 'Ben' })];
    core.snapshot = snapshot({
      call: call({ participants: people }),
      games: { me: 'me', offers: [], game: null, sketch: null, ...games },
    });
    const session = new Session(core, new Toasts(() => undefined));
    await session.start();
    const beside = { nameOf, offer: vi.fn() };
    const model = new GameModel(session, beside);
    model.follow();
    return { model, beside, session };
  }

  const press = (key: string, change: Partial<KeyPress> = {}): KeyPress => ({
    key,
    ctrlKey: false,
    altKey: false,
    metaKey: false,
    repeat: false,
    target: null,
    ...change,
  });
  const steered = () =>
    core.asked.map((command) =>
      command.type === 'game' && command.command.type === 'steer' ? command.command.turn : command.type,
    );

  it('steers by the key that went down last, and straight on when none is held', async () => {
    const { model } = await open({ game: game() });
    expect(model.down(press('ArrowLeft'))).toBe(true);
    expect(model.down(press('ArrowLeft', { repeat: true }))).toBe(true);
    expect(model.down(press('d'))).toBe(true);
    expect(model.up(press('d'))).toBe(true);
    expect(model.up(press('ArrowLeft'))).toBe(true);
    expect(model.up(press('ArrowLeft'))).toBe(false);
    expect(steered()).toEqual(['left', 'right', 'left', 'straight']);
    expect(model.down(press('a', { ctrlKey: true }))).toBe(false);
    expect(model.down(press('m'))).toBe(false);
  });

  it('leaves the keys to the call while our line is not out there', async () => {
    for (const one of [
      game({ phase: 'pause' }),
      game({ watching: true, players: [player('a', 0), player('b', 1)] }),
      game({ players: [player('a', 0), player('me', 1, { out: { by: 'wall' } })] }),
    ]) {
      const { model } = await open({ game: one });
      expect([model.steering, model.down(press('ArrowLeft'))]).toEqual([false, false]);
    }
  });

  it('lets go of everything when the round ends with a key down', async () => {
    const { model } = await open({ game: game() });
    model.hold('left');
    core.tell({
      type: 'games',
      games: { me: 'me', offers: [], game: game({ phase: 'pause' }), sketch: null },
    });
    model.follow();
    expect(steered()).toEqual(['left', 'straight']);
  });

  it('tells of a game that others offer, once, and not while we are in one', async () => {
    const offer = { id: '7', kind: 'curves' as const, host: 'a', players: ['a'], playing: false };
    const { model, beside } = await open({ offers: [offer] });
    model.follow();
    expect(beside.offer.mock.calls).toEqual([[expect.stringContaining('Ada')]]);
    const { beside: other } = await open({ offers: [offer], game: game() });
    expect(other.offer).not.toHaveBeenCalled();
  });

  it('says why we do not steer', async () => {
    const notes = async (one: GameView) => (await open({ game: one })).model.note;
    expect(await notes(game())).toBe('');
    expect(await notes(game({ stalled: true }))).toContain('Ada');
    expect(await notes(game({ watching: true }))).toBe('You are watching.');
    expect(await notes(game({ players: [player('a', 0), player('me', null)] }))).toContain('next round');
    const out = game({ players: [player('a', 0), player('me', 1, { out: { by: 'wall' } })] });
    expect(await notes(out)).toContain('You are out');
  });

  it('keeps the name of somebody who has left', async () => {
    const { model, session } = await open({ game: game() });
    core.tell({ type: 'call', call: call({ participants: [] }) });
    expect(session.call?.participants).toEqual([]);
    model.follow();
    expect(model.nameOf('b')).toBe('Ben');
  });

  it('asks for what is pressed', async () => {
    const { model } = await open({});
    await model.offer();
    await model.join('7', true);
    await model.start();
    await model.leave();
    expect(core.asked).toEqual([
      { type: 'game', command: { type: 'offer', kind: 'curves' } },
      { type: 'game', command: { type: 'join', game: '7', watch: true } },
      { type: 'game', command: { type: 'start' } },
      { type: 'game', command: { type: 'leave' } },
    ]);
  });
});
