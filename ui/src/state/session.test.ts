import { beforeEach, describe, expect, it } from 'vitest';
import { Session } from './session.svelte';
import { call, ScriptedCore, snapshot } from './testing';
import { Toasts } from './toasts.svelte';

const refused = { code: 'room_not_found', message: 'There is no such call. Ask for the code again.' };
const summary = {
  code: 'c',
  inviteLink: 'tincan://join/x',
  test: false,
  seconds: 9,
  quality: '',
  reason: null,
};

let core: ScriptedCore;
let session: Session;
let expire: (() => void)[];

beforeEach(async () => {
  core = new ScriptedCore();
  expire = [];
  session = new Session(core, new Toasts((callback) => expire.push(callback)));
  await session.start();
});

const types = () => core.asked.map(({ type }) => type);

describe('following the engine', () => {
  it('applies events in order', () => {
    core.tell({ type: 'nearby', nearby: [{ host: 'one' }] });
    expect(session.nearby).toEqual([{ host: 'one' }]);
  });

  it('asks for a new snapshot when an event is missing', async () => {
    core.snapshot = snapshot({ number: 9, nearby: [{ host: 'after the gap' }] });
    core.tellNumbered(5, { type: 'nearby', nearby: [] });
    await Promise.resolve();
    expect(core.subscriptions).toBe(2);
    await expect.poll(() => session.nearby).toEqual([{ host: 'after the gap' }]);
  });

  it('keeps events that are faster than the snapshot', async () => {
    const early = new ScriptedCore();
    const hasty = new Session(early);
    const started = hasty.start();
    early.tellNumbered(1, { type: 'nearby', nearby: [{ host: 'early' }] });
    await started;
    expect(hasty.nearby).toEqual([{ host: 'early' }]);
  });

  it('says why it could not start, and tries again', async () => {
    const broken = new ScriptedCore();
    const works = broken.subscribe.bind(broken);
    broken.subscribe = () => Promise.reject(new Error('stack trace'));
    const failing = new Session(broken);
    await failing.start();
    expect(failing.failure?.message).not.toContain('stack trace');
    broken.subscribe = works;
    await failing.retry();
    expect([failing.failure, failing.ready]).toEqual([undefined, true]);
  });

  it('shows notices as toasts that go away', () => {
    core.tell({ type: 'notice', notice: { kind: 'hint', code: 'h', message: 'H' } });
    expect(session.toasts.list.map(({ code }) => code)).toEqual(['h']);
    expire.forEach((callback) => callback());
    expect(session.toasts.list).toEqual([]);
  });
});

describe('screens', () => {
  it('go from New call through the lobby into the call', async () => {
    session.enterLobby({ type: 'create' });
    expect(session.screen).toBe('lobby');
    await session.joinFromLobby();
    core.tell({ type: 'call', call: call({ phase: 'alone' }) });
    expect(session.screen).toBe('call');
    expect(types()).toEqual(['start_preview', 'create_room', 'stop_preview']);
  });

  it('stay in the lobby with the reason when joining fails', async () => {
    core.answers.set('join_room', refused);
    session.enterLobby({ type: 'join', link: 'kqz4-m8tr-xp', label: 'kqz4-m8tr-xp' });
    await session.joinFromLobby();
    expect([session.screen, session.joinError, session.busy]).toEqual(['lobby', refused, undefined]);
  });

  it('do not blame who cancelled', async () => {
    core.answers.set('join_room', { code: 'cancelled', message: 'You left before the call began.' });
    session.enterLobby({ type: 'join', link: 'x', label: 'x' });
    await session.joinFromLobby();
    expect([session.screen, session.joinError, session.busy]).toEqual(['lobby', undefined, undefined]);
  });

  it('leave a second call while the goodbyes of the first are still under way', () => {
    core.answers.set('leave', new Promise(() => undefined));
    void session.leave();
    void session.leave();
    expect(types()).toEqual(['leave', 'leave']);
  });

  it('release the camera when the lobby is left', () => {
    session.enterLobby({ type: 'create' });
    session.home();
    expect([session.screen, types()]).toEqual(['home', ['start_preview', 'stop_preview']]);
  });

  it('show the end of a call until Home is pressed', () => {
    core.tell({ type: 'call', call: call() });
    core.tell({ type: 'last_call', summary });
    core.tell({ type: 'call', call: null });
    expect(session.screen).toBe('after');
    session.home();
    expect(session.screen).toBe('home');
  });

  it('do not show the end of a call that this window never saw', async () => {
    const reloaded = new ScriptedCore();
    reloaded.snapshot = snapshot({ lastCall: summary });
    const fresh = new Session(reloaded);
    await fresh.start();
    expect(fresh.screen).toBe('home');
  });

  it('rejoin by the invite link, which knows the server', async () => {
    core.tell({ type: 'last_call', summary });
    await session.rejoin();
    expect(core.asked).toEqual([{ type: 'join_room', code: 'tincan://join/x' }]);
  });

  it('tell a failed test call by a toast', async () => {
    core.answers.set('test_call', refused);
    await session.testCall();
    expect(session.toasts.list[0]?.message).toBe(refused.message);
  });
});

describe('invite links', () => {
  it('fill the code and join nothing', async () => {
    const opened = new ScriptedCore();
    opened.link = 'tincan://join/x';
    const fresh = new Session(opened);
    await fresh.start();
    expect([fresh.offeredLink, fresh.screen, opened.asked]).toEqual([
      { text: 'tincan://join/x' },
      'home',
      [],
    ]);
  });

  it('never disturb a call', () => {
    core.tell({ type: 'call', call: call() });
    core.openLink('tincan://join/y');
    expect([session.offeredLink, session.screen]).toEqual([undefined, 'call']);
    expect(session.toasts.list).toHaveLength(1);
  });
});

describe('mute', () => {
  it('shows at once, before the engine answers', () => {
    core.answers.set('set_microphone', new Promise(() => undefined));
    void session.setMicrophone(false);
    expect(session.microphone.on).toBe(false);
  });

  it('goes back when the engine refuses, and says so', async () => {
    core.answers.set('set_microphone', { code: 'x', message: 'No.' });
    await session.setMicrophone(false);
    expect([session.microphone.on, session.toasts.list[0]?.message]).toEqual([true, 'No.']);
  });
});
