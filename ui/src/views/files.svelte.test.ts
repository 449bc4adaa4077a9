// @vitest-environment jsdom
import { flushSync, mount, unmount } from 'svelte';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CallView, ChatView, FileOffer } from '../core/core';
import { Session } from '../state/session.svelte';
import { call, chat, message, offer, participant, ScriptedCore, snapshot, transfer } from '../state/testing';
import { Toasts } from '../state/toasts.svelte';
import Call from './Call.svelte';

class ResizeObserver {
  observe() {}
  unobserve() {}
  disconnect() {}
}
vi.stubGlobal('ResizeObserver', ResizeObserver);

const ada = participant();
const ben = participant({ id: 'b', name: 'Ben' });
let core: ScriptedCore;
let session: Session;
let opened: (() => Promise<void>) | undefined;

beforeEach(() => {
  vi.spyOn(HTMLElement.prototype, 'clientWidth', 'get').mockReturnValue(1_280);
  vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(700);
  // A document that is not drawn opens no dialogs.
  HTMLDialogElement.prototype.showModal = function () {
    this.open = true;
  };
  HTMLDialogElement.prototype.close = function () {
    this.open = false;
    this.dispatchEvent(new Event('close'));
  };
});

async function open(
  offers: FileOffer[],
  view: Partial<CallView> = { participants: [ada, ben] },
  talk: Partial<ChatView> = {},
) {
  core = new ScriptedCore();
  core.snapshot = snapshot({ call: call(view), chat: chat(talk), files: { offers } });
  session = new Session(core, new Toasts(() => undefined));
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
}

afterEach(() => opened?.());

const all = (id: string) => [...document.querySelectorAll<HTMLElement>(`[data-testid="${id}"]`)];
const text = (id: string) =>
  all(id).map((one) => one.textContent?.replace(/[\s\u2068\u2069]+/gu, ' ').trim());

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

const tell = (one: FileOffer) => {
  core.tell({ type: 'files', change: { type: 'offer', offer: one } });
  flushSync();
};

describe('an offer in the chat', () => {
  it('stands where it was made, and is taken or not', async () => {
    const messages = [message(1, 'a'), message(2, 'b')];
    await open([offer('x', { number: 1 })], undefined, { messages });
    expect(text('unread')).toEqual(['3']);
    press('c');
    const log = all('chat-log')[0];
    const order = [...(log?.querySelectorAll('[data-id]') ?? [])].map((one) => one.getAttribute('data-id'));
    expect(order).toEqual(['1-a', 'x', '2-b']);
    expect(text('file-name')).toEqual(['valve.pdf']);
    expect(text('file-says')).toEqual(['58 GB free in Downloads']);
    await click('file-accept');
    expect(core.asked).toEqual([{ type: 'accept_files', offer: 'x', folder: null, file: null }]);
    tell(offer('x', { number: 1, transfers: [transfer({ state: 'running', verified: 1_200_000 })] }));
    const bar = all('file-bar')[0];
    expect([bar?.getAttribute('aria-valuenow'), all('file-accept').length]).toEqual(['50', 0]);
    // How far it is reaches nobody's ear.
    expect(bar?.closest('[aria-live]')?.getAttribute('aria-live')).toBe('off');
    tell(offer('x', { number: 1, transfers: [transfer({ state: 'done' })] }));
    expect(text('files-said')).toEqual(['valve.pdf is here, and verified.']);
    await click('file-reveal');
    expect(core.shell).toEqual([['reveal', 'x']]);
  });

  it('that does not fit is not accepted where there is no room', async () => {
    await open([offer('x', { fits: false, free: 1_000 })]);
    press('c');
    await click('file-accept');
    expect(core.asked).toEqual([]);
    await click('file-save-as');
    expect(core.shell).toEqual([['accept as', 'x', 'valve.pdf']]);
  });

  it('of a program is warned of, and never opened from here', async () => {
    await open([
      offer('x', { program: true }),
      offer('y', { program: true, transfers: [transfer({ state: 'done' })] }),
      offer('z', { program: true, ours: true }),
    ]);
    press('c');
    expect(
      text('file-warning').every((one) => one?.includes('run it only if you expected it from Ada')),
    ).toBe(true);
    expect(all('file-warning').length).toBe(2);
    expect(all('file-open')).toEqual([]);
  });

  it('of ours shows each receiver, and is asked about before anything is lost', async () => {
    const transfers = [
      transfer({ peer: 'a', state: 'running', verified: 1_200_000 }),
      transfer({ peer: 'b', name: 'Ben', state: 'offered' }),
    ];
    await open([offer('x', { ours: true, transfers })]);
    press('f');
    expect(all('file-transfer').length).toBe(2);
    expect(text('file-summary')).toEqual(['1 gets it, 1 has not decided']);
    await click('file-cancel');
    expect(core.asked).toEqual([]);
    await click('file-really');
    await click('file-take-back');
    await click('file-keep');
    expect(core.asked).toEqual([{ type: 'cancel_files', offer: 'x', peer: 'a' }]);
  });
});

describe('sending', () => {
  it('takes one press for what is written and what is chosen', async () => {
    await open([]);
    core.taken = { files: [{ id: 1, name: 'a.txt', bytes: 5, folder: false }], problem: null };
    press('o');
    await vi.waitFor(() => expect(text('outgoing').join()).toContain('a.txt'));
    expect(all('panel')[0]?.dataset['view']).toBe('chat');
    expect(all('chat-send')[0]?.getAttribute('aria-label')).toBe('Send 1 file');
    await click('chat-send');
    await vi.waitFor(() => expect(core.shell).toContainEqual(['offer', [1], null]));
    await vi.waitFor(() => expect(all('outgoing').length).toBe(0));
  });

  it('says to whom before something is dropped', async () => {
    await open([]);
    press('c');
    const select = all('chat-to')[0] as HTMLSelectElement;
    select.value = 'b';
    select.dispatchEvent(new Event('change', { bubbles: true }));
    core.drag({ type: 'over', count: 2 });
    flushSync();
    expect(text('drop-overlay')[0]).toContain('Drop 2 files here for Ben only');
    core.drag({ type: 'left' });
    flushSync();
    expect(all('drop-overlay')).toEqual([]);
  });

  it('is for calls with people', async () => {
    await open([], { participants: [ada], test: true });
    core.drag({ type: 'over', count: 1 });
    flushSync();
    expect(text('drop-overlay')[0]).toContain('Files are sent in a call');
    press('o');
    press('f');
    expect([core.shell, all('panel')]).toEqual([[], []]);
  });
});

describe('an address in the chat', () => {
  it('is shown before it is opened, and can be copied instead', async () => {
    const messages = [message(1, 'a', { text: 'See https://exаmple.org/x' })];
    await open([], undefined, { messages });
    press('c');
    await click('chat-link');
    expect(text('link-address')[0]).toMatch(/^https:\/\/xn--.+\/x$/u);
    expect(all('link-warning').length).toBe(1);
    expect([all('link-copy').length, core.shell]).toEqual([1, []]);
    await click('link-open');
    expect(core.shell).toEqual([['open', expect.stringMatching(/^https:\/\/xn--/u)]]);
    expect(all('link')).toEqual([]);
  });
});
