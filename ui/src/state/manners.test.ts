// @vitest-environment jsdom
import { describe, expect, it } from 'vitest';
import { isBrowserKey, wantsMenu } from './manners';

const press = (key: string, change: object = {}) =>
  isBrowserKey({ key, ctrlKey: false, altKey: false, metaKey: false, target: document.body, ...change });

function element(html: string): Element {
  document.body.innerHTML = html;
  const { firstElementChild } = document.body;
  if (!firstElementChild) throw new Error('nothing was made');
  return firstElementChild;
}

describe('a window is no browser', () => {
  it('in which everything can be selected', () => {
    expect(press('a', { ctrlKey: true })).toBe(true);
    expect(press('a', { ctrlKey: true, target: element('<input>') })).toBe(false);
    expect(press('a')).toBe(false);
  });

  it('that loads anew, goes back, prints or looks for words', () => {
    expect(press('F5') && press('R', { ctrlKey: true }) && press('ArrowLeft', { altKey: true })).toBe(true);
    expect(press('p', { metaKey: true })).toBe(true);
    // Copying is everybody's.
    expect(press('c', { ctrlKey: true })).toBe(false);
  });

  it('whose menu belongs to text only', () => {
    expect(wantsMenu(element('<button>Leave</button>'))).toBe(false);
    expect(wantsMenu(element('<textarea></textarea>'))).toBe(true);
    expect(wantsMenu(element('<p class="selectable">kqz4</p>'))).toBe(true);
  });
});
