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
  quality: null,
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

/** A whole code. */
async function type(text: string) {
  core.answers.set('check_code', {
    type: 'code',
    formatted: text,
    complete: true,
    server: null,
    problem: null,
  });
  await session.code.type(text);
}

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
    await type('kqz4-m8tr-xp');
    session.enterLobby({ type: 'join' });
    await session.joinFromLobby();
    expect([session.screen, session.joinError, session.busy]).toEqual(['lobby', refused, undefined]);
  });

  it('keep a code that was refused, to be mended', async () => {
    core.answers.set('join_room', refused);
    await type('kqz4-m8tr-xp');
    session.enterLobby({ type: 'join' });
    await session.joinFromLobby();
    session.home();
    expect(session.code.shown).toBe('kqz4-m8tr-xp');
    core.answers.set('join_room', { type: 'joined', code: 'kqz4-m8tr-xp' });
    session.enterLobby({ type: 'join' });
    await session.joinFromLobby();
    expect(session.code.shown).toBe('');
  });

  it('join nothing by half a code', async () => {
    session.enterLobby({ type: 'join' });
    await session.joinFromLobby();
    expect(types()).toEqual(['start_preview']);
    expect(session.code.problem).not.toBeNull();
  });

  it('call somebody again, whoever is first', async () => {
    session.enterLobby({ type: 'again', code: 'kqz4-m8tr-xp', server: 'wss://s', names: ['Ben'] });
    await session.joinFromLobby();
    expect(core.asked[1]).toEqual({ type: 'call_again', code: 'kqz4-m8tr-xp', server: 'wss://s' });
  });

  it('do not blame who cancelled', async () => {
    core.answers.set('join_room', { code: 'cancelled', message: 'You left before the call began.' });
    await type('kqz4-m8tr-xp');
    session.enterLobby({ type: 'join' });
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

  it('rejoin on the server that the invite link names, also when everybody has left', async () => {
    core.tell({
      type: 'last_call',
      summary: { ...summary, inviteLink: 'tincan://join/x?server=wss%3A%2F%2Fs' },
    });
    await session.rejoin();
    expect(core.asked).toEqual([{ type: 'call_again', code: 'c', server: 'wss://s' }]);
  });

  it('tell a failed test call by a toast', async () => {
    core.answers.set('test_call', refused);
    await session.testCall();
    expect(session.toasts.list[0]?.message).toBe(refused.message);
  });
});

describe('a device that nobody chose', () => {
  it('is not switched: its key and its button say why', () => {
    const { preview } = snapshot();
    const microphone = { ...preview.microphone, chosen: false };
    core.tell({ type: 'preview', preview: { ...preview, microphone } });
    session.switchOver('microphone');
    session.switchOver('camera');
    expect([types(), session.toasts.list[0]?.code, session.sends('microphone')]).toEqual([
      ['set_camera'],
      'no_microphone',
      false,
    ]);
  });
});

describe('a device that fails', () => {
  it('is told in a call, once', () => {
    const { preview } = snapshot();
    const failing = {
      ...preview,
      camera: { ...preview.camera, working: false, problem: { code: 'device_lost', message: 'It is gone.' } },
    };
    core.tell({ type: 'preview', preview: failing });
    expect(session.toasts.list).toEqual([]);
    core.tell({ type: 'preview', preview });
    core.tell({ type: 'call', call: call() });
    core.tell({ type: 'preview', preview: failing });
    core.tell({ type: 'preview', preview: failing });
    expect(session.toasts.list.map(({ message }) => message)).toEqual(['It is gone.']);
    // The engine says the same as a notice, which stays.
    core.tell({ type: 'notice', notice: { kind: 'error', code: 'device_lost', message: 'It is gone.' } });
    expect(session.toasts.list.map(({ kind }) => kind)).toEqual(['error']);
  });
});

describe('invite links', () => {
  it('fill the code and join nothing', async () => {
    const opened = new ScriptedCore();
    opened.link = 'tincan://join/x';
    const fresh = new Session(opened);
    await fresh.start();
    expect([fresh.code.link, fresh.code.offers, fresh.screen]).toEqual(['tincan://join/x', 1, 'home']);
    expect(opened.asked.map(({ type }) => type)).toEqual(['check_code']);
  });

  it('never disturb a call', () => {
    core.tell({ type: 'call', call: call() });
    core.openLink('tincan://join/y');
    expect([session.code.shown, session.screen]).toEqual(['', 'call']);
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

describe('closing the window', () => {
  it('asks once in a call, and closes when the person says so', async () => {
    core.tell({ type: 'call', call: call() });
    core.requestClose();
    expect([session.closing, core.closed]).toEqual([true, 0]);
    await session.close();
    expect([session.closing, core.closed]).toEqual([false, 1]);
  });

  it('lets the person stay', () => {
    core.tell({ type: 'call', call: call() });
    core.requestClose();
    session.stay();
    expect([session.closing, core.closed]).toEqual([false, 0]);
  });

  it('asks nothing without a call, or of whoever wants no question', () => {
    core.requestClose();
    const { settings } = snapshot();
    core.tell({ type: 'settings', settings: { ...settings, askBeforeClosing: false } });
    core.tell({ type: 'call', call: call() });
    core.requestClose();
    expect([session.closing, core.closed]).toEqual([false, 2]);
  });

  it('asks no longer about a call that is over', () => {
    core.tell({ type: 'call', call: call() });
    core.requestClose();
    core.tell({ type: 'call', call: null });
    core.tell({ type: 'call', call: call() });
    expect(session.closing).toBe(false);
  });
});
