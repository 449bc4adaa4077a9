import { describe, expect, it } from 'vitest';
import { changed, firstLine, groups, lastOwn } from './chat';
import { chat, message } from './testing';

const texts = (view: ReturnType<typeof changed>) => view?.messages.map(({ id, text }) => [id, text]);

describe('changes of the chat', () => {
  it('put messages where everybody has them, and change them there', () => {
    let view: ReturnType<typeof changed> = chat();
    for (const one of [message(5, 'b'), message(2, 'a'), message(5, 'a'), message(9, 'c')]) {
      view = changed(view, { type: 'message', message: one });
    }
    view = changed(view, { type: 'message', message: message(5, 'a', { text: 'new' }) });
    view = changed(view, { type: 'dropped', id: '2-a' });
    expect(texts(view)).toEqual([
      ['5-a', 'new'],
      ['5-b', 'x'],
      ['9-c', 'x'],
    ]);
  });

  it('keep what they do not touch the same object', () => {
    const before = chat({ messages: [message(1, 'a')] });
    const after = changed(before, { type: 'name', peer: 'a', name: 'Augusta' });
    expect([after?.names['a'], after?.messages]).toEqual(['Augusta', before.messages]);
    expect(after?.messages).toBe(before.messages);
  });

  it('begin and end it', () => {
    expect(changed(null, { type: 'message', message: message(1, 'a') })).toBeNull();
    expect(changed(null, { type: 'all', chat: chat() })).toEqual(chat());
    expect(changed(chat(), { type: 'all', chat: null })).toBeNull();
    const closed = { open: false, ours: true };
    expect(changed(chat(), { type: 'history', history: closed })?.history).toEqual(closed);
  });
});

describe('messages on the screen', () => {
  it('of one person within a minute stand together, unless they are for others', () => {
    const messages = [
      message(1, 'a', { at: 0 }),
      message(2, 'a', { at: 59_000 }),
      message(3, 'a', { at: 61_000 }),
      message(4, 'a', { at: 61_000, to: 'me' }),
      message(5, 'me', { at: 61_000 }),
      message(6, 'z', { at: 61_000, passedOnBy: 'a' }),
      message(7, 'z', { at: 61_000, passedOnBy: 'b' }),
    ];
    const found = groups(chat({ messages }));
    expect(found.map((group) => group.messages.map(({ number }) => number))).toEqual([
      [1, 2],
      [3],
      [4],
      [5],
      [6],
      [7],
    ]);
    expect(found.map(({ own }) => own)).toEqual([false, false, false, true, false, false]);
  });

  it('have a first line', () => {
    expect(firstLine(message(1, 'a', { text: 'one\ntwo' }))).toBe('one');
    expect(firstLine(message(1, 'a', { text: '👩‍👧'.repeat(60) })).endsWith('…')).toBe(true);
    expect(firstLine(message(1, 'a', { text: null }))).toBe('Message deleted');
  });

  it('of our own can be found again, but for deleted ones', () => {
    const messages = [message(1, 'me'), message(2, 'me', { text: null }), message(3, 'a')];
    expect(lastOwn(chat({ messages }))?.id).toBe('1-me');
  });
});
