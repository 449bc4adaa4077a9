import { describe, expect, it, vi } from 'vitest';
import type { ChatMessage, ChatView } from '../core/core';
import { ChatModel } from './chat.svelte';
import { Session } from './session.svelte';
import { call, chat, message, ScriptedCore, snapshot } from './testing';
import { Toasts } from './toasts.svelte';

const NOW = 1_000_000;
let core: ScriptedCore;
let session: Session;

async function open(view: Partial<ChatView> = {}) {
  core = new ScriptedCore();
  core.snapshot = snapshot({ call: call(), chat: chat(view) });
  session = new Session(core, new Toasts(() => undefined));
  await session.start();
  const names: Record<string, string> = { a: 'Ada', b: 'Ben' };
  const beside = { nameOf: (id: string) => names[id], open: vi.fn() };
  return { model: new ChatModel(session, beside), beside, names };
}

const hear = (one: ChatMessage) => core.tell({ type: 'chat', change: { type: 'message', message: one } });

describe('writing', () => {
  it('goes to everybody, or to one, and empties the composer when it went', async () => {
    const { model } = await open();
    model.draft = 'hello';
    await model.send();
    expect(model.draft).toBe('');
    model.write('a');
    model.draft = 'psst';
    await model.send();
    expect(core.asked).toEqual([
      { type: 'send_chat', text: 'hello', to: null, reply: null },
      { type: 'send_chat', text: 'psst', to: 'a', reply: null },
    ]);
    core.answers.set('send_chat', { code: 'chat_too_long', message: 'Too long.' });
    model.draft = 'long';
    await model.send();
    expect([model.draft, session.toasts.list[0]?.code]).toEqual(['long', 'chat_too_long']);
  });

  it('to somebody who has left goes to nobody', async () => {
    const { model } = await open();
    model.write('z');
    model.draft = 'a secret';
    expect(model.orphaned).toBe(true);
    await model.send();
    expect([core.asked, model.draft]).toEqual([[], 'a secret']);
    expect(session.toasts.list[0]?.code).toBe('chat_not_here');
  });

  it('of nothing is nothing', async () => {
    const { model } = await open();
    model.draft = ' \n ';
    await model.send();
    expect(core.asked).toEqual([]);
  });

  it('changes the last own message by Up, and gives it up by Esc', async () => {
    const { model } = await open({ messages: [message(1, 'me', { text: 'helo' }), message(2, 'a')] });
    expect(model.editLast()).toBe(true);
    expect([model.draft, model.editing?.id]).toEqual(['helo', '1-me']);
    expect([model.cancel(), model.draft, model.cancel()]).toEqual([true, '', false]);
    model.editLast();
    model.draft = 'hello';
    await model.send();
    expect(core.asked).toEqual([{ type: 'edit_chat', id: '1-me', text: 'hello' }]);
    expect([model.draft, model.editing]).toEqual(['', undefined]);
    model.draft = 'half a word';
    expect(model.editLast()).toBe(false);
  });

  it('replies, to a private message only to who wrote it', async () => {
    const secret = message(2, 'a', { to: 'me' });
    const { model } = await open({ messages: [message(1, 'b'), secret] });
    model.answer(secret);
    model.draft = 'yes';
    await model.send();
    model.cancel();
    model.answer(message(1, 'b'));
    model.draft = 'no';
    await model.send();
    expect(core.asked).toEqual([
      { type: 'send_chat', text: 'yes', to: 'a', reply: '2-a' },
      { type: 'send_chat', text: 'no', to: null, reply: '1-b' },
    ]);
  });
});

describe('what can be done with a message', () => {
  it('reactions come and go', async () => {
    const mine = message(1, 'a', { reactions: [{ reaction: 'heart', people: ['b', 'me'] }] });
    const { model } = await open({ messages: [mine] });
    model.react(mine, 'heart');
    model.react(mine, 'clap');
    model.remove(message(3, 'me'));
    model.closeHistory();
    expect(core.asked).toEqual([
      { type: 'react_to_chat', id: '1-a', reaction: 'heart', on: false },
      { type: 'react_to_chat', id: '1-a', reaction: 'clap', on: true },
      { type: 'delete_chat', id: '3-me' },
      { type: 'close_chat_history' },
    ]);
  });

  it('a saved chat says where it is, unless the person changed their mind', async () => {
    const { model } = await open();
    core.place = '/x/chat.txt';
    const moment = new Date(2026, 10, 27, 9, 5);
    await model.save(moment);
    expect(core.shell).toEqual([['save chat', 'Tincan chat 2026-11-27 09.05.txt']]);
    expect(session.toasts.list[0]?.message).toContain('/x/chat.txt');
    core.place = null;
    await model.save(moment);
    expect(session.toasts.list.length).toBe(1);
    core.refusal = { code: 'chat_not_saved', message: 'No.' };
    await model.save(moment);
    expect(session.toasts.list.map(({ code }) => code)).toEqual(['chat_saved', 'chat_not_saved']);
  });
});

describe('what is unread', () => {
  it('counts what others wrote while nobody looked, and tells the latest', async () => {
    const { model, beside } = await open({ messages: [message(1, 'a', { at: 0 })] });
    model.follow(true, NOW);
    hear(message(2, 'a', { at: NOW, text: 'one\ntwo' }));
    hear(message(3, 'me', { at: NOW }));
    hear(message(4, 'b', { at: NOW, to: 'me', text: 'psst' }));
    model.follow(false, NOW);
    expect(model.unread).toBe(2);
    const [toast] = session.toasts.list;
    expect(toast?.message).toBe('\u2068Ben\u2069 (only to you): \u2068psst\u2069');
    toast?.act?.run();
    expect(beside.open).toHaveBeenCalledOnce();
    model.follow(true, NOW);
    expect(model.unread).toBe(0);
  });

  it('is no change of what was read, and no news when it is history', async () => {
    const { model } = await open({ messages: [message(1, 'a', { at: 0 })] });
    model.follow(false, NOW);
    expect([model.unread, session.toasts.list.length]).toEqual([1, 0]);
    hear(message(1, 'a', { at: 0, text: 'changed' }));
    hear(message(2, 'a', { at: NOW, text: null }));
    model.follow(false, NOW);
    expect([model.unread, session.toasts.list.length]).toEqual([1, 0]);
  });
});

describe('names', () => {
  it('are those of the call, and of whoever left those of the chat', async () => {
    const { model } = await open({ names: { a: 'old', z: 'Zoe', y: '' } });
    expect(['me', 'a', 'z', 'y'].map((id) => model.nameOf(id))).toEqual(['You', 'Ada', 'Zoe', 'Guest']);
  });
});
