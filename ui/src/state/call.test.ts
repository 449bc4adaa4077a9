// @vitest-environment jsdom
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { CallView, Snapshot } from '../core/core';
import { CallModel } from './call.svelte';
import type { KeyPress } from './keys';
import { Session } from './session.svelte';
import { call, participant, ScriptedCore, snapshot, stream } from './testing';
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
    screen.covered = true;
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

  it.each(['held', 'heldAbove', 'covered'] as const)('stay while they are needed: %s', async (why) => {
    const { model: screen } = await model({ participants: two });
    screen.moved();
    vi.runAllTimers();
    screen[why] = true;
    expect(screen.controls).toBe(true);
  });

  it('stay beside a panel, and while nobody else is here', async () => {
    const { model: screen } = await model({ participants: two });
    screen.moved();
    vi.runAllTimers();
    screen.panel = 'safety';
    expect(screen.controls).toBe(true);
    const { model: alone } = await model({ phase: 'alone' });
    alone.moved();
    vi.runAllTimers();
    expect(alone.controls).toBe(true);
  });

  it('give their room to the pictures in full screen only', async () => {
    const { model: screen } = await model({ participants: two });
    screen.moved();
    vi.runAllTimers();
    expect(screen.grown).toBe(false);
    screen.fullScreen = true;
    expect(screen.grown).toBe(true);
    screen.moved();
    expect(screen.grown).toBe(false);
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
  it('belongs to the only other, with ourselves in a corner', async () => {
    const { model: one } = await model({ participants: [participant()] });
    expect([one.shown.floatingSelf, one.selfShown]).toEqual([true, true]);
    expect(one.shown.places.map(({ width, height }) => [width, height])).toEqual([[1280, 800]]);
  });

  it('turns pages as far as there are any, and shows ourselves on the first only', async () => {
    const many = Array.from({ length: 11 }, (_, at) => participant({ id: `p${at}`, name: `P${at}` }));
    const { model: screen } = await model({ participants: many });
    expect([screen.shown.pages, screen.selfShown]).toEqual([2, true]);
    screen.keyDown(key('PageDown'));
    screen.keyDown(key('PageDown'));
    expect([screen.shown.page, screen.shown.places.length, screen.selfShown]).toEqual([1, 3, false]);
    screen.keyDown(key('PageUp'));
    expect(screen.shown.page).toBe(0);
    // The others have left: there is no second page to be on.
    screen.turn(1);
    core.tell({ type: 'call', call: call({ participants: two }) });
    expect([screen.shown.pages, screen.shown.page]).toEqual([1, 0]);
  });

  it('follows a shared screen, unless somebody wants it otherwise, and is as before afterwards', async () => {
    const streams = [stream(), stream({ source: 'screen', stream: 9 })];
    const sharing = [participant({ id: 'a', streams }), participant({ id: 'b', name: 'Ben' })];
    const { model: screen } = await model({ participants: two });
    const large = () => screen.shown.places.find((place) => place.large)?.key;
    expect([screen.mode, large()]).toEqual(['grid', undefined]);
    core.tell({ type: 'call', call: call({ participants: sharing }) });
    expect([screen.mode, large()]).toEqual(['spotlight', 'a/screen']);
    screen.togglePin('b');
    expect(large()).toBe('b');
    screen.changeLayout();
    expect(screen.mode).toBe('grid');
    core.tell({ type: 'call', call: call({ participants: two }) });
    expect(screen.mode).toBe('grid');
    core.tell({ type: 'call', call: call({ participants: sharing }) });
    screen.changeLayout();
    expect(large()).toBe('a/screen');
    core.tell({ type: 'call', call: call({ participants: two }) });
    expect([screen.mode, large()]).toEqual(['grid', undefined]);
  });

  it('looks at who speaks, and changes only to who stays louder for a second', async () => {
    const { model: screen } = await model({ participants: two });
    screen.changeLayout();
    const large = () => screen.shown.places.find((place) => place.large)?.key;
    const speak = (a: number, b: number, at: number) => {
      core.tell({ type: 'levels', levels: { microphone: 0, participants: { a, b } } });
      screen.hear(at);
    };
    speak(0.7, 0, 0);
    speak(0, 0.7, 100);
    expect(large()).toBe('a');
    speak(0, 0.7, 1_100);
    expect(large()).toBe('b');
  });

  it('puts whom somebody pins into the spotlight, until they are unpinned or the layout is changed', async () => {
    const { model: screen } = await model({ participants: two });
    const large = () => screen.shown.places.find((place) => place.large)?.key;
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
    core.tell({ type: 'call', call: call({ participants: two }) });
    screen.follow(0);
    core.tell({ type: 'call', call: call({ phase: 'alone', left: 'Ben' }) });
    screen.follow(0);
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

describe('the panel', () => {
  it('is opened, changed and closed by keys', async () => {
    const { model: screen } = await model({ participants: two });
    const views = ['p', 'e', 't', 't', 'p', 'Escape'].map((name) => {
      screen.keyDown(key(name));
      return screen.panel;
    });
    expect(views).toEqual(['people', 'safety', 'statistics', undefined, 'people', undefined]);
  });

  it('shows nobody to whoever still stands at the door', async () => {
    const { model: screen } = await model({ phase: 'knocking' });
    screen.keyDown(key('p'));
    expect(screen.panel).toBeUndefined();
  });
});

describe('an activity on the stage', () => {
  it('has the large place, with everybody in the strip, until W, Esc or a press on somebody', async () => {
    const { model: screen } = await model({ participants: two });
    const shown = () => [screen.activity, screen.shown.activity !== undefined, screen.shown.places.length];
    expect(shown()).toEqual([undefined, false, 3]);
    screen.keyDown(key('b'));
    expect(shown()).toEqual(['board', true, 3]);
    expect(screen.shown.places.map(({ key, strip }) => [key, strip])).toEqual([
      ['a', true],
      ['b', true],
      ['self', true],
    ]);
    screen.keyDown(key('w'));
    expect([...shown(), screen.mode]).toEqual([undefined, false, 3, 'grid']);
    screen.toggleActivity('board');
    screen.keyDown(key('p'));
    screen.keyDown(key('Escape'));
    expect([screen.panel, screen.activity]).toEqual([undefined, 'board']);
    screen.keyDown(key('Escape'));
    expect(screen.activity).toBeUndefined();
    screen.toggleActivity('board');
    screen.togglePin('b');
    expect([screen.activity, screen.pin]).toEqual([undefined, 'b']);
    screen.toggleActivity('board');
    screen.togglePin('b');
    expect([screen.activity, screen.pin]).toEqual([undefined, 'b']);
  });

  it('can be prepared alone, and stands in no test call and not at the door', async () => {
    for (const [view, there] of [
      [{ phase: 'alone' }, 'board'],
      [{ test: true, participants: [participant()] }, undefined],
      [{ phase: 'knocking' }, undefined],
    ] as const) {
      const { model: screen } = await model(view as Partial<CallView>);
      screen.keyDown(key('b'));
      expect(screen.activity).toBe(there);
    }
  });

  it('gets the keys that are its own, but none of a dialog, a panel or a text field', async () => {
    const { model: screen } = await model({ participants: two });
    const heard: string[] = [];
    const hear = (press: { key: string }) => heard.push(press.key) > 0 && press.key === 'p';
    screen.activityKeys = { down: hear, up: hear };
    screen.keyDown(key('p'));
    expect([screen.panel, heard]).toEqual(['people', []]);
    screen.keyDown(key('b'));
    expect([screen.keyDown(key('p')), screen.panel]).toEqual([true, 'people']);
    expect(screen.keyUp(key('p'))).toBe(true);
    // What it leaves is the call's.
    expect([screen.keyDown(key('c')), screen.panel]).toEqual([true, 'chat']);
    expect(heard).toEqual(['p', 'p', 'c']);
    const aside = document.createElement('aside');
    const inside = aside.appendChild(document.createElement('button'));
    for (const target of [document.createElement('textarea'), inside]) screen.keyDown(key('p', target));
    screen.covered = true;
    screen.keyDown(key('p'));
    expect(heard).toEqual(['p', 'p', 'c']);
  });

  it('is offered once when others begin, until it was looked at', async () => {
    const { model: screen } = await model({ participants: two });
    for (let times = 0; times < 3; times += 1) screen.offer('board', 'Ada is drawing.');
    expect(session.toasts.list.map(({ message, act }) => [message, act?.label])).toEqual([
      ['Ada is drawing.', 'Show'],
    ]);
    expect(screen.going).toEqual(['board']);
    session.toasts.list[0]?.act?.run();
    expect([screen.activity, screen.going]).toEqual(['board', []]);
    session.toasts.dismiss(1);
    screen.offer('board', 'Ada is drawing.');
    expect([session.toasts.list, screen.going]).toEqual([[], []]);
  });

  it('keeps the controls: whoever draws wants nothing to come and go', async () => {
    const { model: screen } = await model({ participants: two });
    screen.toggleActivity('board');
    screen.moved();
    vi.runAllTimers();
    expect(screen.controls).toBe(true);
  });
});

describe('what people do together', () => {
  it('is asked of the engine, by keys too', async () => {
    const { model: screen } = await model({
      participants: two,
      knocks: [
        { id: 'x', name: 'Cy' },
        { id: 'y', name: 'Di' },
      ],
    });
    for (const name of ['r', '1', '6', 'k', 'l']) screen.keyDown(key(name));
    screen.refuse('y');
    screen.setVerified(null, true);
    expect(core.asked).toEqual([
      { type: 'set_hand', on: true },
      { type: 'react', reaction: 'thumbs_up' },
      { type: 'react', reaction: 'party' },
      { type: 'let_in', peer: 'x' },
      { type: 'set_lock', on: true },
      { type: 'refuse', peer: 'y' },
      { type: 'set_verified', peer: null, on: true },
    ]);
  });

  it('needs somebody: nobody reacts alone, and a test call is not locked', async () => {
    const { model: alone } = await model({ phase: 'alone' });
    for (const name of ['1', 'k']) alone.keyDown(key(name));
    expect(core.asked).toEqual([]);
    const { model: test } = await model({ test: true, participants: [participant()] });
    for (const name of ['r', 'l']) test.keyDown(key(name));
    expect(core.asked).toEqual([]);
  });

  it('verifies nobody by a press that was meant for the number before', async () => {
    const safety = { words: [], digits: '1' };
    const { model: screen } = await model({ participants: two, safety });
    screen.follow(0);
    screen.matches(null, 0);
    core.tell({ type: 'call', call: call({ participants: two, safety: { words: [], digits: '2' } }) });
    screen.follow(5_000);
    screen.matches(null, 5_300);
    screen.matches('b', 5_999);
    expect(core.asked).toEqual([{ type: 'set_verified', peer: null, on: true }]);
    screen.matches('b', 6_000);
    expect(core.asked.at(-1)).toEqual({ type: 'set_verified', peer: 'b', on: true });
  });

  it('lowers a raised hand by the same key', async () => {
    const { model: screen } = await model({ participants: two, hand: 5 });
    expect(screen.hands.get('self')).toBe(1);
    screen.keyDown(key('r'));
    expect(core.asked).toEqual([{ type: 'set_hand', on: false }]);
  });

  it('records by a key, says for how long, and names who else does', async () => {
    const { model: screen } = await model({ participants: two });
    expect([screen.recording, screen.recorders]).toEqual([undefined, []]);
    screen.keyDown(key('q'));
    expect(core.asked.at(-1)).toMatchObject({ type: 'start_recording', file: null });
    const others = two.slice(1);
    const recorded = call({ participants: [participant({ records: true }), ...others], recording: 1_000 });
    core.tell({ type: 'call', call: recorded });
    screen.tick(76_000);
    expect([screen.recording, screen.recorders.length]).toEqual(['1:15', 1]);
    screen.keyDown(key('q'));
    expect(core.asked.at(-1)).toEqual({ type: 'stop_recording' });
  });

  it('mutes somebody here, and brings back how loud they were', async () => {
    const { model: screen } = await model({ participants: two });
    const volumes = () => core.asked.map((command) => 'volume' in command && command.volume);
    screen.toggleMutedHere(participant({ volume: 1.4 }));
    screen.toggleMutedHere(participant({ volume: 0 }));
    screen.toggleMutedHere(participant({ id: 'b', volume: 0 }));
    expect(volumes()).toEqual([0, 1.4, 1]);
  });
});

describe('reactions', () => {
  it('of people on another page are shown with their name', async () => {
    const many = Array.from({ length: 11 }, (_, at) => participant({ id: `p${at}`, name: `P${at}` }));
    const { model: screen } = await model({ participants: many });
    core.tell({ type: 'reaction', peer: 'p10', reaction: 'clap' });
    core.tell({ type: 'reaction', peer: 'p0', reaction: 'heart' });
    core.tell({ type: 'reaction', peer: null, reaction: 'heart' });
    expect(screen.offstage.map(({ peer }) => peer)).toEqual(['p10']);
    vi.runAllTimers();
    expect([screen.offstage, session.reactions.list]).toEqual([[], []]);
  });
});

describe('whoever speaks on another page', () => {
  it('is named for as long as they do', async () => {
    const many = Array.from({ length: 11 }, (_, at) => participant({ id: `p${at}`, name: `P${at}` }));
    const { model: screen } = await model({ participants: many });
    const speak = (level: number) => {
      core.tell({ type: 'levels', levels: { microphone: 0, participants: { p10: level } } });
      screen.hear(0);
      return screen.speaking;
    };
    expect([speak(0.7), speak(0.1), speak(0.7)]).toEqual(['p10', undefined, 'p10']);
    screen.turn(1);
    expect(screen.speaking).toBeUndefined();
  });
});

describe('what happened', () => {
  it('is said once', async () => {
    const { model: screen } = await model({ participants: two });
    screen.follow(0);
    core.tell({
      type: 'call',
      call: call({ participants: [participant({ hand: 7 }), ...two.slice(1)] }),
    });
    screen.follow(0);
    screen.follow(0);
    expect(session.toasts.list.map(({ code, kind }) => [code, kind])).toEqual([['hand_a', 'info']]);
  });
});
