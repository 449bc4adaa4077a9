import type { BoardCommand } from '../generated/BoardCommand';
import type { BoardElement } from '../generated/BoardElement';
import type { BoardLive } from '../generated/BoardLive';
import type { BoardNew } from '../generated/BoardNew';
import type { BoardStyle } from '../generated/BoardStyle';
import type { BoardView } from '../generated/BoardView';
import type { Event } from '../generated/Event';
import type { Reply } from '../generated/Reply';

const ME = 'me';

export function emptyBoard(): BoardView {
  return {
    me: ME,
    elements: {},
    names: { a: 'Ada Lovelace', b: 'Grace' },
    pictures: [],
    own: { canUndo: false, canRedo: false, deletedByOthers: 0, full: false },
    drawing: [],
  };
}

const style = (color: string, change: Partial<BoardStyle> = {}): BoardStyle => ({
  ...{ color, fill: null, width: 40, size: 240 },
  ...change,
});

type Part = Pick<BoardElement, 'kind' | 'frame' | 'style'> & Partial<BoardElement>;

function element(author: string, order: number, part: Part): BoardElement {
  const { frame } = part;
  return {
    ...{ author, order, passedOnBy: null, page: null, points: [], text: '', picture: null, live: null },
    natural: [Math.abs(frame[2]), Math.abs(frame[3])],
    ...part,
  };
}

/** A line through points of a curve, as an element. */
function drawn(
  kind: 'pen' | 'marker',
  look: BoardStyle,
  count: number,
  at: (part: number) => [number, number, number],
): Part {
  const points = Array.from({ length: count }, (_, index) => at(index / (count - 1)));
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  const x = Math.round(Math.min(...xs));
  const y = Math.round(Math.min(...ys));
  const width = Math.round(Math.max(...xs)) - x;
  const height = Math.round(Math.max(...ys)) - y;
  return {
    kind,
    style: look,
    frame: [x, y, width, height],
    points: points.flatMap(([px, py, pressure]) => [
      Math.round(px) - x,
      Math.round(py) - y,
      Math.round(pressure),
    ]),
  };
}

const BLACK = '#161b1d';
const RED = '#cf2619';
const BLUE = '#1864bd';
const GREEN = '#156f41';
const BROWN = '#643004';

/** A board as three people have drawn it. */
export function someBoard(): BoardView {
  const turn = 2 * Math.PI;
  const parts: [string, Part][] = [
    [
      'a',
      {
        kind: 'text',
        style: style(BLACK, { size: 400 }),
        frame: [0, 0, 4_600, 520],
        text: 'How the valve closes',
      },
    ],
    [
      'a',
      drawn('pen', style(GREEN, { width: 50 }), 90, (part) => [
        1_300 + 1_150 * Math.cos(part * turn * 1.02 - 1.9) + 40 * Math.sin(part * 9),
        2_100 + 950 * Math.sin(part * turn * 1.02 - 1.9) + 50 * Math.cos(part * 7),
        60 + 150 * Math.sin(part * Math.PI),
      ]),
    ],
    [
      'b',
      { kind: 'rectangle', style: style(BLUE, { fill: '#ccddf0' }), frame: [4_600, 1_300, 2_100, 1_500] },
    ],
    ['b', { kind: 'text', style: style(BLUE), frame: [4_950, 1_880, 1_500, 320], text: 'Tank, 3 bar' }],
    [ME, { kind: 'arrow', style: style(RED), frame: [2_650, 2_050, 1_750, 0] }],
    ['b', { kind: 'ellipse', style: style(BROWN), frame: [5_000, 3_500, 1_300, 800] }],
    ['b', { kind: 'line', style: style(BROWN, { width: 20 }), frame: [5_650, 2_800, 0, 700] }],
    [ME, drawn('marker', style('#80205e', { width: 200 }), 24, (part) => [4_900 + 1_560 * part, 2_060, 128])],
    [
      ME,
      drawn('pen', style(BROWN, { width: 40 }), 70, (part) => [
        300 + 3_200 * part,
        3_900 + 130 * Math.sin(part * 24),
        128,
      ]),
    ],
    [
      'a',
      {
        kind: 'note',
        style: style(BLACK, { fill: '#ffe58a' }),
        frame: [300, 4_400, 2_000, 1_500],
        text: 'Closes at 3 bar. Who tests the spring?',
      },
    ],
    [
      'b',
      {
        kind: 'note',
        style: style(BLACK, { fill: '#bfe0ff' }),
        frame: [2_550, 4_400, 2_000, 1_500],
        text: 'I do, on Monday',
      },
    ],
  ];
  const elements = Object.fromEntries(
    parts.map(([author, part], at) => [`${at + 1}-${author}`, element(author, at, part)]),
  );
  const pages = { '50-a': element('a', 50, { kind: 'page', style: style(BLACK), frame: [0, 0, 0, 0] }) };
  const own = { canUndo: true, canRedo: false, deletedByOthers: 0, full: false };
  return { ...emptyBoard(), elements: { ...elements, ...pages }, own };
}

/** What the others do at it: one draws and points, one writes. */
export const someLive: BoardLive[] = [
  {
    peer: 'a',
    page: null,
    pointer: [3_900, 3_300],
    editing: null,
    stroke: {
      number: 1,
      kind: 'pen',
      style: style(GREEN, { width: 50 }),
      keep: 0,
      points: Array.from({ length: 30 }, (_, at) => [
        3_000 + at * 30,
        3_000 + Math.round(300 * Math.sin(at / 6)),
        128,
      ]).flat(),
    },
  },
  { peer: 'b', page: null, pointer: [4_300, 5_600], editing: '11-b', stroke: null },
];

/** As many strokes as a long meeting leaves, every third of a pen that feels how hard it is pressed. */
export function fullBoard(count: number, pointsEach: number): BoardView {
  const elements: Record<string, BoardElement> = {};
  const colors = [BLACK, RED, BLUE, GREEN, BROWN];
  for (let at = 0; at < count; at += 1) {
    const left = (at % 50) * 260;
    const top = Math.floor(at / 50) * 260;
    const look = style(colors[at % colors.length] ?? BLACK, { width: 20 + (at % 3) * 20 });
    const part = drawn('pen', look, pointsEach, (along) => [
      left + 230 * along,
      top + 110 + 100 * Math.sin(along * 9 + at),
      at % 3 === 0 ? 40 + 180 * Math.abs(Math.sin(along * 6)) : 128,
    ]);
    elements[`${at + 1}-a`] = element('a', at, part);
  }
  return { ...emptyBoard(), elements };
}

/** What a command makes of the board. Undo knows the last thing only. */
export class MockBoard {
  view: BoardView;
  #next = 10_000;
  #undo: (() => Event) | undefined;

  constructor(view: BoardView) {
    this.view = view;
  }

  dispatch(command: BoardCommand): { reply: Reply; events: Event[] } {
    const done = { type: 'done' } as const;
    switch (command.type) {
      case 'add': {
        const put = Object.fromEntries(
          command.elements.map((made) => [`${(this.#next += 1)}-${ME}`, this.#made(made)]),
        );
        const ids = Object.keys(put);
        this.#undo = () => this.#change({}, ids);
        return { reply: { type: 'drawn', ids }, events: [this.#change(put, []), this.#own(true)] };
      }
      case 'change': {
        const put: Record<string, BoardElement> = {};
        const before: Record<string, BoardElement> = {};
        for (const { id, frame, style: look, text, order } of command.changes) {
          const one = this.view.elements[id];
          if (!one) continue;
          before[id] = one;
          put[id] = {
            ...one,
            frame: frame ?? one.frame,
            style: look ?? one.style,
            text: text ?? one.text,
            order:
              order?.type === 'front'
                ? (this.#next += 1)
                : order?.type === 'back'
                  ? -(this.#next += 1)
                  : one.order,
          };
        }
        this.#undo = () => this.#change(before, []);
        return { reply: done, events: [this.#change(put, []), this.#own(true)] };
      }
      case 'remove':
        return { reply: done, events: [this.#gone(command.ids), this.#own(true)] };
      case 'clear': {
        const ids = Object.entries(this.view.elements)
          .filter(
            ([, one]) =>
              one.page === command.page && one.kind !== 'page' && (!command.own || one.author === ME),
          )
          .map(([id]) => id);
        return { reply: done, events: [this.#gone(ids), this.#own(true)] };
      }
      case 'undo': {
        const event = this.#undo?.();
        this.#undo = undefined;
        return { reply: done, events: event ? [event, this.#own(false)] : [] };
      }
      case 'save':
        return {
          reply: {
            type: 'saved',
            file: `/home/robin/Downloads/Tincan board 2026-11-27 16.45.${command.png ? 'png' : 'svg'}`,
          },
          events: [],
        };
      default:
        return { reply: done, events: [] };
    }
  }

  #made({ kind, page, points, frame, style: look, text, live }: BoardNew): BoardElement {
    const order = (this.#next += 1);
    if (points.length === 0) return element(ME, order, { kind, page, frame, style: look, text, live });
    const xs = points.filter((_, at) => at % 3 === 0);
    const ys = points.filter((_, at) => at % 3 === 1);
    const x = Math.min(...xs);
    const y = Math.min(...ys);
    return element(ME, order, {
      ...{ kind, page, style: look, text, live },
      frame: [x, y, Math.max(...xs) - x, Math.max(...ys) - y],
      points: points.map((value, at) => (at % 3 === 0 ? value - x : at % 3 === 1 ? value - y : value)),
    });
  }

  #gone(ids: string[]): Event {
    const before = Object.fromEntries(
      ids.flatMap((id) => (this.view.elements[id] ? [[id, this.view.elements[id]]] : [])),
    ) as Record<string, BoardElement>;
    this.#undo = () => this.#change(before, []);
    return this.#change({}, ids);
  }

  #change(put: Record<string, BoardElement>, gone: string[]): Event {
    const elements = { ...this.view.elements, ...put };
    // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- a copy of its own
    for (const id of gone) delete elements[id];
    this.view = { ...this.view, elements };
    return { type: 'board', change: { type: 'elements', put, gone } };
  }

  #own(canUndo: boolean): Event {
    this.view = { ...this.view, own: { ...this.view.own, canUndo } };
    return { type: 'board', change: { type: 'own', own: this.view.own } };
  }
}
