import { describe, expect, it, vi } from 'vitest';
import type { FileOffer, FileTransfer } from '../core/core';
import { FilesModel } from './files.svelte';
import { Session } from './session.svelte';
import { call, chat, offer, ScriptedCore, snapshot, transfer } from './testing';
import { Toasts } from './toasts.svelte';

const NOW = 1_000_000;
let core: ScriptedCore;
let session: Session;

async function open(...offers: FileOffer[]) {
  core = new ScriptedCore();
  core.snapshot = snapshot({ call: call(), chat: chat(), files: { offers } });
  session = new Session(core, new Toasts(() => undefined));
  await session.start();
  const beside = { nameOf: (id: string) => (id === 'a' ? 'Ada (2)' : undefined), open: vi.fn() };
  return { model: new FilesModel(session, beside), beside };
}

const hear = (one: FileOffer) => core.tell({ type: 'files', change: { type: 'offer', offer: one } });
const of = (
  state: FileTransfer['state'],
  change: Partial<FileOffer> = {},
  more: Partial<FileTransfer> = {},
) => offer('x', { at: NOW, transfers: [transfer({ state, ...more })], ...change });
const plain = (text = '') => text.replace(/[\u2068\u2069]/gu, '');

describe('an offer that comes', () => {
  it('is counted and told, unless it is looked at', async () => {
    const { model, beside } = await open();
    model.follow(false, NOW);
    hear(of('offered'));
    model.follow(false, NOW);
    expect(model.unread).toBe(1);
    const [toast] = session.toasts.list;
    expect(plain(toast?.message)).toBe('Ada (2) offers valve.pdf (2.4 MB)');
    toast?.act?.run();
    expect(beside.open).toHaveBeenCalledOnce();
    model.follow(true, NOW);
    expect(model.unread).toBe(0);
    hear(offer('y', { at: NOW }));
    model.follow(true, NOW);
    expect([model.unread, session.toasts.list.length]).toEqual([0, 1]);
    expect(plain(model.said)).toContain('offers valve.pdf');
  });

  it('before the window looked is counted only', async () => {
    const { model } = await open(offer('old', { at: NOW - 600_000 }));
    model.follow(false, NOW);
    expect([model.unread, session.toasts.list, model.said]).toEqual([1, [], '']);
  });
});

describe('what becomes of it', () => {
  it('is told once, with the way to its folder', async () => {
    const { model } = await open(of('running'));
    model.follow(false, NOW);
    const progress = [{ offer: 'x', peer: 'a', verified: 9, speed: 1, secondsLeft: 1 }];
    core.tell({ type: 'files', change: { type: 'progress', moved: progress } });
    model.follow(false, NOW);
    expect([model.said, session.toasts.list]).toEqual(['', []]);
    hear(of('done'));
    model.follow(false, NOW);
    expect(plain(session.toasts.list[0]?.message)).toBe('valve.pdf is here, and verified.');
    session.toasts.list[0]?.act?.run();
    expect(core.shell).toEqual([['reveal', 'x']]);
    model.follow(false, NOW);
    expect(session.toasts.list.length).toBe(1);
  });

  it('of our own is no toast when it arrived', async () => {
    const { model } = await open(of('running', { ours: true }));
    model.follow(false, NOW);
    hear(of('done', { ours: true }));
    model.follow(false, NOW);
    expect([plain(model.said), session.toasts.list]).toEqual(['Ada (2) has valve.pdf.', []]);
  });
});

describe('buttons', () => {
  it('ask the engine, about one receiver where there are several', async () => {
    const { model } = await open();
    const theirs = of('offered');
    await model.press(theirs, 'accept', theirs.transfers[0] ?? null);
    await model.press(theirs, 'decline', theirs.transfers[0] ?? null);
    const two = [transfer({ peer: 'a', state: 'running' }), transfer({ peer: 'b', state: 'offered' })];
    const mine = of('running', { ours: true, transfers: two });
    await model.press(mine, 'pause', two[0] ?? null);
    await model.press(mine, 'cancel', two[1] ?? null);
    const one = of('offered', { ours: true });
    await model.press(one, 'cancel', one.transfers[0] ?? null);
    await model.forget(theirs);
    expect(core.asked).toEqual([
      { type: 'accept_files', offer: 'x', folder: null, file: null },
      { type: 'decline_files', offer: 'x' },
      { type: 'pause_files', offer: 'x', peer: 'a' },
      { type: 'cancel_files', offer: 'x', peer: 'b' },
      { type: 'cancel_files', offer: 'x', peer: null },
      { type: 'forget_files', offer: 'x' },
    ]);
  });

  it('ask twice before something is lost', async () => {
    const { model } = await open();
    const half = of('running', {}, { verified: 1_000_000 });
    const [way = null] = half.transfers;
    await model.press(half, 'cancel', way);
    expect([model.isAsked(half, way), model.isAsked(half, null), core.asked]).toEqual([true, false, []]);
    model.keep();
    expect(model.isAsked(half, way)).toBe(false);
    await model.press(half, 'cancel', way);
    await model.press(half, 'cancel', way);
    expect(core.asked).toEqual([{ type: 'cancel_files', offer: 'x', peer: null }]);
  });

  it('let the person choose where, a name for one file and a folder for more', async () => {
    const { model } = await open();
    await model.press(of('offered'), 'save-as', null);
    const [file = { name: '', folder: false, files: 1, bytes: 1, program: false }] = of('offered').items;
    await model.press(of('offered', { items: [file, file] }), 'save-as', null);
    await model.press(of('offered', { items: [{ ...file, folder: true }] }), 'save-as', null);
    expect(core.shell).toEqual([
      ['accept as', 'x', 'valve.pdf'],
      ['accept as', 'x', null],
      ['accept as', 'x', null],
    ]);
    core.refusal = { code: 'dialog_open', message: 'A dialog is open already. Answer it first.' };
    await model.press(of('offered'), 'save-as', null);
    expect(session.toasts.list[0]?.code).toBe('dialog_open');
  });

  it('do nothing twice while the first press is answered', async () => {
    const { model } = await open();
    let answer: (() => void) | undefined;
    core.answers.set('accept_files', new Promise((done) => (answer = () => done({ type: 'done' }))));
    const theirs = of('offered');
    const first = model.press(theirs, 'accept', null);
    expect(model.isBusy(theirs)).toBe(true);
    await model.press(theirs, 'accept', null);
    answer?.();
    await first;
    expect([core.asked.length, model.isBusy(theirs)]).toEqual([1, false]);
  });
});

describe('names', () => {
  it('are what people are called here, or were called there', async () => {
    const { model } = await open();
    expect(model.nameOf(transfer())).toBe('Ada (2)');
    expect(model.nameOf(transfer({ peer: 'z', name: 'Zoe' }))).toBe('Zoe');
    expect(model.authorOf(offer('x', { author: 'z', authorName: '' }))).toBe('Guest');
    expect(model.authorOf(offer('x', { ours: true }))).toBe('You');
  });
});
