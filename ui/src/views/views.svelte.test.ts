// @vitest-environment jsdom
import { flushSync, mount, unmount } from 'svelte';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { CallView, ChatView, FrameSource } from '../core/core';
import { Session } from '../state/session.svelte';
import { call, chat, message, participant, ScriptedCore, snapshot, stream } from '../state/testing';
import { Toasts as Told } from '../state/toasts.svelte';
import Call from './Call.svelte';
import Toasts from './Toasts.svelte';

// Nothing has a size in a document that is not drawn.
class ResizeObserver {
  observe() {}
  unobserve() {}
  disconnect() {}
}
vi.stubGlobal('ResizeObserver', ResizeObserver);

const safety = { words: ['hat', 'key', 'bee', 'cat'], digits: '1234 5678' };
const ada = participant();
const ben = participant({ id: 'b', name: 'Ben', streams: [stream({ stream: 2 })] });

let core: ScriptedCore;
let session: Session;
const attach = vi.fn<FrameSource['attach']>();
const detach = vi.fn();

beforeEach(() => {
  vi.spyOn(HTMLElement.prototype, 'clientWidth', 'get').mockReturnValue(1_280);
  vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(700);
  attach.mockReset().mockReturnValue(detach);
  detach.mockReset();
});

/** The call's screen with its toasts, as the window shows them. */
async function open(view: Partial<CallView>, talk: Partial<ChatView> = {}) {
  core = new ScriptedCore();
  core.frames.attach = attach;
  core.snapshot = snapshot({ call: call({ safety, ...view }), chat: chat(talk) });
  session = new Session(core, new Told(() => undefined));
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
  const toasts = mount(Toasts, { target: document.body, props: { session, below: 44 } });
  flushSync();
  return async () => {
    await unmount(screen);
    await unmount(toasts);
  };
}

function tell(view: Partial<CallView>) {
  core.tell({ type: 'call', call: call({ safety, ...view }) });
  flushSync();
}

const all = (id: string) => [...document.querySelectorAll<HTMLElement>(`[data-testid="${id}"]`)];
const seen = (id: string) => all(id).length > 0;

function click(id: string, at = 0) {
  const element = all(id)[at];
  if (!element) throw new Error(`there is no ${id}`);
  element.click();
  flushSync();
}

function press(key: string) {
  document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
  flushSync();
}

const streams = () => attach.mock.calls.map(([number]) => number);

describe('pictures', () => {
  it('stay where they are while something else of a participant changes', async () => {
    const close = await open({ participants: [ada] });
    expect(streams().sort()).toEqual([0, 1]);
    tell({ participants: [{ ...ada, quality: 2, name: 'Augusta', microphoneOn: false, hand: 5 }] });
    expect([attach.mock.calls.length, detach.mock.calls.length]).toEqual([2, 0]);
    tell({ participants: [{ ...ada, streams: [stream({ stream: 7 })] }] });
    expect([streams().at(-1), detach.mock.calls.length]).toEqual([7, 1]);
    await close();
    expect(detach).toHaveBeenCalledTimes(3);
  });

  it('of another page, and of a hidden window, are let go', async () => {
    const many = Array.from({ length: 11 }, (_, at) =>
      participant({ id: `p${at}`, name: `P${at}`, streams: [stream({ stream: at + 1 })] }),
    );
    const close = await open({ participants: many });
    // Eight others and ourselves.
    expect(streams().sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    click('page-after');
    expect(streams().slice(9)).toEqual([9, 10, 11]);
    expect(detach).toHaveBeenCalledTimes(9);
    const hidden = vi.spyOn(document, 'hidden', 'get').mockReturnValue(true);
    document.dispatchEvent(new Event('visibilitychange'));
    flushSync();
    expect(detach).toHaveBeenCalledTimes(12);
    hidden.mockReturnValue(false);
    document.dispatchEvent(new Event('visibilitychange'));
    flushSync();
    expect(streams().slice(12)).toEqual([9, 10, 11]);
    await close();
  });
});

describe('what lies over pictures', () => {
  it('is marked, or a window that draws them would draw over it', async () => {
    const close = await open({ participants: [ada, { ...ben, hand: 1, microphoneOn: false }], hand: 2 });
    core.tell({ type: 'reaction', peer: 'b', reaction: 'party' });
    core.tell({ type: 'reaction', peer: null, reaction: 'heart' });
    session.tell('hint', 'some', 'Something happened.');
    flushSync();
    // Behind initials there is no picture; strokes on a screen say themselves when they are there.
    const cared = '[data-over], [data-picture], .nobody, [data-testid="screen-ink"]';
    const places = [...document.querySelectorAll('[data-place], .toasts')];
    expect(places.length).toBe(4);
    const inside = places.flatMap((place) => [...place.querySelectorAll('*')]);
    const shown = inside.filter(({ localName, children }) => localName === 'svg' || children.length === 0);
    expect(shown.length).toBeGreaterThan(20);
    expect(
      shown
        .filter(
          (element) => element.textContent?.trim() || ['svg', 'img', 'button'].includes(element.localName),
        )
        .filter((element) => !element.closest(cared))
        .map(({ outerHTML }) => outerHTML),
    ).toEqual([]);
    await close();
  });
});

describe('people', () => {
  it('are listed with what can be done with each, opened and closed by button and key', async () => {
    const close = await open({ participants: [ada, { ...ben, name: 'Ada' }], capacity: 4 });
    click('people');
    expect(all('person-name').map((element) => element.textContent)).toEqual(['Ada', 'Ada (2)']);
    expect(all('tile-name').map((element) => element.textContent)).toEqual(['Ada', 'Ada (2)']);
    expect(all('capacity')[0]?.textContent).toBe('3 of 4 are here: one more fits.');
    click('mute-here', 1);
    click('person-more');
    click('person-pin');
    expect(all('call')[0]?.dataset['layout']).toBe('spotlight');
    press('Escape');
    expect(seen('panel')).toBe(false);
    press('p');
    expect(all('panel')[0]?.dataset['view']).toBe('people');
    expect(core.asked).toEqual([{ type: 'set_volume', peer: 'b', volume: 0 }]);
    await close();
  });

  it('who knock are let in or refused from a toast that stays, or from the list', async () => {
    const knocks = ['x', 'y', 'z'].map((id) => ({ id, name: id.toUpperCase() }));
    const close = await open({ participants: [ada, ben], locked: true, knocks });
    expect(all('knock-toast').map(({ dataset }) => dataset['peer'])).toEqual(['x']);
    expect(all('knock-further')[0]?.textContent).toContain('2 more wait');
    click('toast-let-in');
    click('toast-refuse');
    press('p');
    click('knock-let-in', 2);
    click('lock');
    expect(core.asked).toEqual([
      { type: 'let_in', peer: 'x' },
      { type: 'refuse', peer: 'x' },
      { type: 'let_in', peer: 'z' },
      { type: 'set_lock', on: false },
    ]);
    tell({ participants: [ada, ben], locked: true });
    expect([seen('knock-toast'), seen('knocks')]).toEqual([false, false]);
    await close();
  });
});

describe('the safety number', () => {
  it('is compared in the panel that the shield opens, for everybody or for one', async () => {
    const close = await open({ participants: [ada, ben] });
    expect(all('room-shield')[0]?.dataset['shield']).toBe('unverified');
    click('room-shield');
    expect(all('safety-words')[0]?.textContent?.replace(/\s+/g, ' ').trim()).toBe('hat key bee cat');
    const [match] = all('safety-match');
    match?.focus();
    click('safety-match');
    click('safety-one', 1);
    expect(core.asked).toEqual([
      { type: 'set_verified', peer: null, on: true },
      { type: 'set_verified', peer: 'b', on: true },
    ]);
    const verified = [ada, ben].map((one) => ({ ...one, trust: 'verified' as const }));
    tell({ participants: verified });
    // The button that had the focus is gone.
    expect(document.activeElement).toBe(all('panel')[0]);
    expect([seen('safety-verified'), seen('safety-match')]).toEqual([true, false]);
    press('Escape');
    expect([seen('panel'), document.activeElement]).toEqual([false, document.querySelector('main')]);
    await close();
  });

  it('that differs is a reason to leave', async () => {
    const close = await open({ participants: [ada] });
    press('e');
    click('safety-differs');
    expect([seen('safety-differ'), seen('safety-match')]).toEqual([true, false]);
    await close();
  });

  it('that changed is said, and somebody with another key is marked on the tile too', async () => {
    const close = await open({ participants: [ada] });
    press('e');
    const changed = { ...ben, name: 'Ada', trust: 'changed' as const };
    tell({ participants: [ada, changed], safety: { ...safety, digits: '9999 9999' } });
    expect(seen('safety-changed')).toBe(true);
    const tile = document.querySelector('[data-testid="remote-tile"][data-peer="b"]');
    expect(tile?.querySelector<HTMLElement>('[data-testid="shield"]')?.dataset['shield']).toBe('changed');
    await close();
  });
});

describe('the chat', () => {
  /** What was asked is answered, and the page shows it. */
  const answered = async () => {
    await new Promise((resolve) => setTimeout(resolve));
    flushSync();
  };
  const say = (one: ReturnType<typeof message>) => {
    core.tell({ type: 'chat', change: { type: 'message', message: one } });
    flushSync();
  };

  function type(text: string, key: Partial<KeyboardEventInit> = { key: 'Enter' }) {
    const composer = all('chat-composer')[0] as HTMLTextAreaElement;
    composer.value = text;
    composer.dispatchEvent(new Event('input', { bubbles: true }));
    flushSync();
    composer.dispatchEvent(new KeyboardEvent('keydown', { bubbles: true, cancelable: true, ...key }));
    flushSync();
  }

  it('is counted while closed, opened by its toast, and read in a log', async () => {
    const close = await open({ participants: [ada, ben] });
    say(message(1, 'a', { at: Date.now(), text: 'See https://a.example/x <b>' }));
    expect(all('unread')[0]?.textContent).toBe('1');
    click('toast-act');
    expect([all('panel')[0]?.dataset['view'], seen('unread'), seen('toast')]).toEqual(['chat', false, false]);
    expect(all('chat-log')[0]?.getAttribute('role')).toBe('log');
    expect(all('chat-author')[0]?.textContent).toBe('Ada');
    expect(all('chat-text')[0]?.textContent).toBe('See https://a.example/x <b>');
    expect(all('chat-link').map((link) => link.textContent)).toEqual(['https://a.example/x']);
    // Nothing in the page leads out of it.
    expect(document.querySelector('[data-testid="chat-log"] a')).toBeNull();
    await close();
  });

  it('is written with the keyboard, to all and to one, and its keys are its own', async () => {
    const close = await open(
      { participants: [ada, ben] },
      { messages: [message(1, 'me', { text: 'helo' })] },
    );
    press('c');
    expect(document.activeElement).toBe(all('chat-composer')[0]);
    type('mmm');
    await answered();
    const select = all('chat-to')[0] as HTMLSelectElement;
    expect([...select.options].map(({ text }) => text)).toEqual([
      'To everybody',
      'Only to Ada',
      'Only to Ben',
    ]);
    select.value = 'b';
    select.dispatchEvent(new Event('change', { bubbles: true }));
    flushSync();
    type('two\nlines', { key: 'Enter', shiftKey: true });
    expect((all('chat-composer')[0] as HTMLTextAreaElement).value).toBe('two\nlines');
    type('psst');
    await answered();
    type('', { key: 'ArrowUp' });
    expect(all('chat-context')[0]?.textContent).toContain('Change your message');
    type('hello');
    await answered();
    expect(core.asked).toEqual([
      { type: 'send_chat', text: 'mmm', to: null, reply: null },
      { type: 'send_chat', text: 'psst', to: 'b', reply: null },
      { type: 'edit_chat', id: '1-me', text: 'hello' },
    ]);
    // The first gives up whom it was for, the second closes the panel.
    type('', { key: 'Escape' });
    expect(seen('panel')).toBe(true);
    type('', { key: 'Escape' });
    expect(seen('panel')).toBe(false);
    await close();
  });

  it('lets messages be reacted to, answered, changed and deleted, each by whom it may', async () => {
    const messages = [message(1, 'a'), message(2, 'me', { at: 90_000 })];
    const close = await open({ participants: [ada] }, { messages, names: { z: 'Zoe' } });
    press('c');
    click('chat-more');
    expect([seen('chat-reply'), seen('chat-edit'), seen('chat-delete')]).toEqual([true, false, false]);
    click('chat-react-heart');
    say(message(1, 'a', { reactions: [{ reaction: 'heart', people: ['me'] }] }));
    click('chat-reaction-heart');
    click('chat-more', 1);
    click('chat-delete');
    say(message(2, 'me', { at: 90_000, text: null }));
    expect([all('chat-more').length, all('chat-message')[1]?.textContent?.trim()]).toEqual([
      1,
      'Message deleted',
    ]);
    click('chat-more');
    click('chat-reply');
    expect(all('chat-context')[0]?.textContent?.replace(/\s+/g, ' ')).toContain('Reply to Ada: x');
    say(message(3, 'z', { at: 200_000, passedOnBy: 'a' }));
    expect(all('chat-passed-on')[0]?.textContent).toBe('passed on by Ada');
    expect(core.asked).toEqual([
      { type: 'react_to_chat', id: '1-a', reaction: 'heart', on: true },
      { type: 'react_to_chat', id: '1-a', reaction: 'heart', on: false },
      { type: 'delete_chat', id: '2-me' },
    ]);
    await close();
  });

  it('says how long it is kept, and whoever was first may keep it from those who come', async () => {
    const close = await open({ participants: [ada] }, { history: { open: true, ours: true } });
    press('c');
    expect(all('chat-log')[0]?.textContent).toContain(
      'Kept until the call ends, on the computers in it only.',
    );
    expect(seen('chat-save')).toBe(false);
    click('chat-close-history');
    expect(core.asked).toEqual([{ type: 'close_chat_history' }]);
    core.tell({ type: 'chat', change: { type: 'history', history: { open: false, ours: true } } });
    flushSync();
    expect(seen('chat-close-history')).toBe(false);
    expect(all('chat-history')[0]?.textContent).toContain('does not read');
    await close();
  });

  it('is not there in a test call', async () => {
    const close = await open({ participants: [ada], test: true });
    press('c');
    expect([seen('chat'), seen('panel')]).toEqual([false, false]);
    await close();
  });
});

describe('hands and reactions', () => {
  it('go out from the menu, and are seen on the tile they come from', async () => {
    const close = await open({ participants: [ada, { ...ben, hand: 5 }] });
    click('react-menu');
    click('react-heart');
    click('react-menu');
    click('raise-hand');
    expect(core.asked).toEqual([
      { type: 'react', reaction: 'heart' },
      { type: 'set_hand', on: true },
    ]);
    core.tell({ type: 'reaction', peer: 'b', reaction: 'party' });
    flushSync();
    const tile = document.querySelector('[data-testid="remote-tile"][data-peer="b"]');
    expect(tile?.querySelector('[data-reaction="party"]')).not.toBeNull();
    expect(tile?.querySelector('[data-testid="hand"]')?.textContent?.trim()).toBe('1');
    await close();
  });
});

describe('a recording', () => {
  it('is seen by whoever makes it and by whoever is in it, and says where it is when it ends', async () => {
    const close = await open({ participants: [ada, ben] });
    const says = (id: string) => document.querySelector(`[data-testid="${id}"]`)?.textContent ?? '';
    // The region is there before there is anything to say in it.
    expect([seen('recording'), says('recorders').trim()]).toEqual([false, '']);
    core.tell({ type: 'call', call: call({ participants: [{ ...ada, records: true }, ben], recording: 0 }) });
    flushSync();
    expect(says('recorders')).toContain('Ada');
    click('stop-recording');
    expect(core.asked).toEqual([{ type: 'stop_recording' }]);
    const parameters = { seconds: 3, path: '/videos/x.mp4' };
    core.tell({
      type: 'notice',
      notice: {
        kind: 'info',
        code: 'recorded',
        message: '3 seconds were recorded to /videos/x.mp4.',
        parameters,
      },
    });
    flushSync();
    click('toast-act');
    expect(core.shell).toEqual([['reveal recording']]);
    await close();
  });
});

describe('a locked call', () => {
  it('lets one wait at its door, and give it up', async () => {
    const close = await open({ phase: 'knocking', safety: null });
    expect([seen('knocking'), seen('people'), seen('react-menu'), seen('code-chip')]).toEqual([
      true,
      false,
      false,
      false,
    ]);
    click('stop-knocking');
    expect(core.asked).toEqual([{ type: 'leave' }]);
    await close();
  });
});
