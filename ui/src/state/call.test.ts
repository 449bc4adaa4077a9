// @vitest-environment jsdom
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { CallView, Snapshot } from '../core/core';
import { CallModel } from './call.svelte';
import type { KeyPress } from './keys';
import { Session } from './session.svelte';
import { call, participant, ScriptedCore, snapshot } from './testing';
import { Toasts } from './toasts.svelte';

const two = [participant(), participant({ id: 'b', name: 'Ben' })];
let core: ScriptedCore;
let session: Session;

/** The model of a call's screen of 1280x800. */
async function model(view: Partial<CallView>, change: Partial<Snapshot> = {}) {
  core = new ScriptedCore();
  core.snapshot = snapshot({ call: call(view), ...change });
  session = new Session(core, new Toasts(() => undefined));
  await session.start();
  const around = { openSettings: vi.fn(), openKeys: vi.fn(), toggleFullScreen: vi.fn() };
  const made = new CallModel(session, () => session.call ?? call(), around);
  made.width = 1280;
  made.height = 800;
  return { model: made, around };
}

const key = (name: string, target: unknown = document.body, change: Partial<KeyPress> = {}): KeyPress => ({
  ...{ key: name, ctrlKey: false, altKey: false, metaKey: false, repeat: false, target },
  ...change,
});
const asked = () =>
  core.asked.map((command) => ('on' in command ? [command.type, command.on] : [command.type]));
const muted = (): Partial<Snapshot> => {
  const { preview } = snapshot();
  return { preview: { ...preview, microphone: { ...preview.microphone, on: false } } };
};

beforeEach(() => {
  document.body.innerHTML = '';
  vi.useFakeTimers();
  return () => vi.useRealTimers();
});

describe('push-to-talk in a call', () => {
  it('works while the focus is on a button, and presses nothing', async () => {
    const { model: screen } = await model({ participants: two }, muted());
    const button = document.createElement('button');
    expect(screen.keyDown(key(' ', button))).toBe(true);
    // The key repeats for as long as it is held.
    expect(screen.keyDown(key(' ', button, { repeat: true }))).toBe(true);
    expect(screen.keyUp(key(' ', button))).toBe(true);
    expect(asked()).toEqual([
      ['set_microphone', true],
      ['set_microphone', false],
    ]);
  });

  it('works while a dialog is open, and leaves its checkboxes alone', async () => {
    const { model: screen } = await model({ participants: two }, muted());
    screen.sheet = 'safety';
    const box = document.createElement('input');
    box.type = 'checkbox';
    expect(screen.keyDown(key(' ', box))).toBe(false);
    expect(screen.keyDown(key(' ', document.createElement('button')))).toBe(true);
    screen.keyDown(key('m'));
    screen.end();
    expect(asked()).toEqual([
      ['set_microphone', true],
      ['set_microphone', false],
    ]);
  });

  it('writes a blank where text is written', async () => {
    const { model: screen } = await model({ participants: two }, muted());
    expect(screen.keyDown(key(' ', document.createElement('input')))).toBe(false);
    expect(core.asked).toEqual([]);
  });
});

describe('the controls', () => {
  it('hide when nothing moves, and come back', async () => {
    const { model: screen } = await model({ participants: two });
    screen.moved();
    vi.runAllTimers();
    expect(screen.controls).toBe(false);
    screen.moved();
    expect(screen.controls).toBe(true);
  });

  it.each(['held', 'covered', 'statistics'] as const)('stay while they are needed: %s', async (why) => {
    const { model: screen } = await model({ participants: two });
    screen.moved();
    vi.runAllTimers();
    screen[why] = true;
    expect(screen.controls).toBe(true);
  });

  it('stay beside a dialog, and while nobody else is here', async () => {
    const { model: screen } = await model({ participants: two });
    screen.moved();
    vi.runAllTimers();
    screen.sheet = 'safety';
    expect(screen.controls).toBe(true);
    const { model: alone } = await model({ phase: 'alone' });
    alone.moved();
    vi.runAllTimers();
    expect(alone.controls).toBe(true);
  });
});

describe('the clock', () => {
  it('runs from the first connection, and not while nobody else is here', async () => {
    const { model: screen } = await model({ participants: two, connectedSince: 1_000 });
    screen.tick(66_000);
    expect(screen.clock).toBe('1:05');
    core.tell({ type: 'call', call: call({ phase: 'alone', left: 'Ben', connectedSince: 1_000 }) });
    expect(screen.clock).toBeUndefined();
  });
});

describe('the stage', () => {
  it('belongs to the only other, and leaves room for clock and controls once there are more', async () => {
    const { model: one } = await model({ participants: [participant()] });
    one.above = 40;
    expect([one.full, one.size]).toEqual([true, { width: 1280, height: 800 }]);
    const { model: more } = await model({ participants: two });
    more.above = 40;
    expect(more.inset).toMatchObject({ top: 40, bottom: more.below });
  });

  it('puts whom somebody pins into the spotlight, until they are unpinned or the layout is changed', async () => {
    const { model: screen } = await model({ participants: two });
    const large = () => screen.shown.places.find((place) => place.large)?.id;
    screen.togglePin('b');
    expect([screen.mode, large()]).toEqual(['spotlight', 'b']);
    screen.togglePin('b');
    expect(screen.mode).toBe('grid');
    screen.togglePin('b');
    screen.changeLayout();
    expect([screen.mode, screen.pin]).toEqual(['grid', undefined]);
  });
});

describe('after the other left', () => {
  it('the card offers to wait once, and tells of the next who leaves', async () => {
    const { model: screen } = await model({ phase: 'alone', left: 'Ada' });
    expect(screen.card.left).toBe(true);
    screen.waiting = true;
    expect(screen.card.left).toBe(false);
    screen.met();
    expect(screen.card.left).toBe(true);
  });
});

describe('a test call', () => {
  it('ticks off what worked', async () => {
    const { model: screen } = await model({ test: true, participants: [participant()] });
    const done = () => screen.steps.filter((step) => step.done).map(({ id }) => id);
    screen.hear(0);
    expect(done()).toEqual([]);
    core.tell({ type: 'levels', levels: { microphone: 0.7, participants: { a: 0 } } });
    screen.hear(100);
    core.tell({ type: 'levels', levels: { microphone: 0, participants: { a: 0.7 } } });
    screen.hear(1_100);
    expect(done()).toEqual(['said', 'heard']);
  });

  it('invites nobody', async () => {
    const { model: screen } = await model({ test: true, participants: [participant()] });
    expect(screen.canInvite).toBe(false);
  });
});

describe('keys', () => {
  it('reach what is around the call', async () => {
    const { model: screen, around } = await model({ participants: two });
    for (const name of ['?', 'F11', 's']) screen.keyDown(key(name));
    expect([around.openKeys, around.toggleFullScreen].map(({ mock }) => mock.calls.length)).toEqual([1, 2]);
  });
});
