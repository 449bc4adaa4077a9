// @vitest-environment jsdom
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { actionOf, KEYS, PushToTalk, type KeyPress } from './keys';

function press(key: string, target: unknown = document.body, change: Partial<KeyPress> = {}) {
  return actionOf({ key, ctrlKey: false, altKey: false, metaKey: false, repeat: false, target, ...change });
}

function element(html: string): Element {
  document.body.innerHTML = html;
  const { firstElementChild } = document.body;
  if (!firstElementChild) throw new Error('nothing was made');
  return firstElementChild;
}

describe('keys', () => {
  beforeEach(() => {
    document.body.innerHTML = '';
  });

  it('act in either case', () => {
    expect([press('m'), press('M'), press('?'), press(' ')]).toEqual([
      'microphone',
      'microphone',
      'help',
      'push-to-talk',
    ]);
  });

  it('that are listed all do something', () => {
    for (const key of KEYS.flatMap(({ keys }) => keys)) {
      expect(
        press({ Space: ' ', Esc: 'Escape', PgUp: 'PageUp', PgDn: 'PageDown' }[key] ?? key),
      ).toBeDefined();
    }
  });

  it('never act in a text field, but those do that write nothing', () => {
    for (const html of [
      '<input>',
      '<textarea></textarea>',
      '<select></select>',
      '<p contenteditable="true"></p>',
    ]) {
      const field = element(html);
      for (const key of ['m', 'v', ' ', '?']) expect(press(key, field)).toBeUndefined();
      expect([press('Escape', field), press('F11', field)]).toEqual(['close', 'full-screen']);
    }
  });

  it('mute from a slider or a checkbox, which take no text', () => {
    expect(press('m', element('<input type="range">'))).toBe('microphone');
  });

  it('talk wherever the focus is, but where Space has a use of its own', () => {
    for (const html of [
      '<button></button>',
      '<input type="range">',
      '<div role="menuitem" tabindex="-1"></div>',
    ])
      expect(press(' ', element(html))).toBe('push-to-talk');
    for (const html of ['<input>', '<input type="checkbox">', '<select></select>', '<textarea></textarea>'])
      expect(press(' ', element(html))).toBeUndefined();
  });

  it('scroll where there is something to scroll, and turn pages elsewhere', () => {
    expect(press('PageDown')).toBe('next-page');
    const panel = element('<aside><button></button></aside>');
    expect(press('PageDown', panel.firstElementChild)).toBeUndefined();
    expect(press('PageUp', element('<textarea></textarea>'))).toBeUndefined();
  });

  it('leave shortcuts of the system and repeats alone', () => {
    expect(press('m', document.body, { ctrlKey: true })).toBeUndefined();
    expect(press('s', document.body, { metaKey: true })).toBeUndefined();
    expect(press('m', document.body, { repeat: true })).toBeUndefined();
  });
});

describe('push to talk', () => {
  function talk(on: boolean) {
    const set = vi.fn((value: boolean) => {
      on = value;
    });
    return { set, talk: new PushToTalk(() => on, set) };
  }

  it('talks while the key is held', () => {
    const { set, talk: key } = talk(false);
    key.press();
    key.press();
    key.release();
    key.release();
    expect(set.mock.calls).toEqual([[true], [false]]);
  });

  it('does not mute somebody who was not muted', () => {
    const { set, talk: key } = talk(true);
    key.press();
    key.release();
    expect(set).not.toHaveBeenCalled();
  });

  it('does not undo a switch that was pressed meanwhile', () => {
    const { set, talk: key } = talk(false);
    key.press();
    key.forget();
    key.release();
    expect(set.mock.calls).toEqual([[true]]);
  });
});
