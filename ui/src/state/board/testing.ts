/** Parts for tests; nothing but tests imports this. */
import type { BoardElement, BoardView } from '../../core/core';

export function thing(change: Partial<BoardElement> = {}): BoardElement {
  const frame = change.frame ?? [0, 0, 100, 100];
  return {
    author: 'a',
    passedOnBy: null,
    kind: 'rectangle',
    page: null,
    frame,
    order: 0,
    style: { color: '#1b2124', fill: null, width: 20, size: 240 },
    points: [],
    natural: [Math.abs(frame[2]), Math.abs(frame[3])],
    text: '',
    picture: null,
    live: null,
    ...change,
  };
}

export function boardView(change: Partial<BoardView> = {}): BoardView {
  return {
    me: 'me',
    elements: {},
    names: {},
    pictures: [],
    own: { canUndo: false, canRedo: false, deletedByOthers: 0, full: false },
    drawing: [],
    ...change,
  };
}
