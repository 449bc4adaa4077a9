import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { BoardElement } from '../../core/core';
import { thing } from '../../state/board/testing';
import type { Painter } from './paint';
import { Sheet, type Haste, type Shown } from './sheet';

/** A canvas that notes down what is done with it. */
function canvasOf(): HTMLCanvasElement {
  const context = new Proxy({} as Record<string, unknown>, {
    get: (target, name: string) => target[name] ?? (() => undefined),
  });
  return { width: 0, height: 0, getContext: () => context } as unknown as HTMLCanvasElement;
}

let elements: Map<string, BoardElement>;
let hidden: Set<string>;
let painted: string[];
let prepared: string[];
let rough: boolean;
let clock: number;
let sheet: Sheet;

/** Each thing takes a millisecond. */
const painter = {
  paint: (_: unknown, { text }: BoardElement) => {
    painted.push(text);
    clock += 1;
    return rough;
  },
  prepare: ({ text }: BoardElement) => {
    prepared.push(text);
    clock += 1;
  },
} as unknown as Painter;

/** Three columns and two rows of squares; a thing in each, called as the square. */
const view = { width: 768, height: 512 };
const shown = (change: Partial<Shown> = {}): Shown => ({
  camera: { x: 0, y: 0, zoom: 1 },
  view,
  ratio: 1,
  ids: [...elements.keys()],
  get: (id) => elements.get(id),
  hidden: (id) => hidden.has(id),
  ...change,
});
const haste = (change: Partial<Haste> = {}): Haste => ({
  ...{ now: () => clock, budget: 100, resizing: false, calm: true },
  ...change,
});
const at = (column: number, row: number, order = 0) =>
  thing({ frame: [column * 2_560 + 500, row * 2_560 + 500, 500, 500], order, text: `${column}${row}` });

/** What was painted since it was asked last. */
function news(): string {
  const all = painted.toSorted().join(' ');
  painted = [];
  return all;
}

beforeEach(() => {
  vi.stubGlobal('document', { createElement: canvasOf });
  elements = new Map();
  for (const row of [-1, 0, 1])
    for (const column of [-1, 0, 1, 2]) elements.set(`${column}${row}`, at(column, row));
  hidden = new Set();
  [painted, prepared, rough, clock] = [[], [], false, 0];
  sheet = new Sheet(canvasOf(), painter);
  sheet.reset(shown(), true);
  return () => vi.unstubAllGlobals();
});

describe('a sheet', () => {
  it('is painted from the middle of the view, and as much of it at once as there is time for', () => {
    const steps: string[] = [];
    while (sheet.show(shown(), haste({ budget: 1 }))) steps.push(news());
    expect(steps[0]).toMatch(/^1[01] 1[01]$/);
    expect(steps.join(' ').split(' ')).toHaveLength(4);
    expect([news().split(' ').length, sheet.behind]).toEqual([2, false]);
    expect(sheet.show(shown(), haste())).toBe(false);
    expect(news()).toBe('');
  });

  it('that is moved is painted where it comes into view only, and what was seen is remembered', () => {
    sheet.show(shown(), haste());
    expect(news()).toBe('00 01 10 11 20 21');
    sheet.show(shown({ camera: { x: -100, y: 0, zoom: 1 } }), haste());
    expect(news()).toBe('-10 -11');
    sheet.show(shown(), haste());
    expect(news()).toBe('');
  });

  it('is painted anew where something changed, comes or goes', () => {
    sheet.show(shown(), haste());
    news();
    const patch = (...ids: string[]) => {
      sheet.patch(shown(), new Set(ids));
      sheet.show(shown(), haste());
      return news();
    };
    elements.set('10', { ...at(1, 0), frame: [500, 500, 500, 500] });
    expect(patch('10')).toBe('00 10');
    elements.delete('10');
    expect(patch('10')).toBe('00');
    elements.set('new', { ...at(2, 1), text: 'new' });
    expect(patch('new')).toBe('new');
    hidden.add('new');
    expect(patch('new')).toBe('21');
    // An empty square, and one that is not seen.
    elements.set('10', at(1, 0, 9));
    elements.set('-10', at(-1, 0, 9));
    expect(patch('10', '-10')).toBe('10');
    sheet.show(shown({ camera: { x: -100, y: 0, zoom: 1 } }), haste());
    expect(news()).toBe('-10 -11');
  });

  it('waits with very many changes until each square has its turn', () => {
    sheet.show(shown(), haste());
    const many = Array.from(
      { length: 100 },
      (_, number) => [`n${number}`, { ...at(number % 3, 0), text: 'n' }] as const,
    );
    for (const [id, element] of many) elements.set(id, element);
    news();
    sheet.patch(shown(), new Set(many.map(([id]) => id)));
    expect(news()).toBe('');
    expect(sheet.show(shown(), haste({ budget: 1 }))).toBe(true);
    while (sheet.show(shown(), haste({ budget: 1 })));
    expect(news().split(' ')).toHaveLength(103);
  });

  it('of much is stretched while its size changes, and of little painted at once', () => {
    const larger = () => shown({ camera: { x: 0, y: 0, zoom: 2 } });
    sheet.show(shown(), haste());
    news();
    sheet.show(larger(), haste({ resizing: true }));
    expect(news()).toBe('00 10');
    for (let number = 0; number < 20; number += 1) elements.set(`n${number}`, { ...at(0, 0), text: 'n' });
    sheet.reset(shown(), true);
    sheet.show(shown(), haste());
    news();
    expect(sheet.show(larger(), haste({ resizing: true }))).toBe(false);
    expect([news(), sheet.behind]).toEqual(['', true]);
    sheet.show(larger(), haste());
    expect([news().split(' ').length, sheet.behind]).toEqual([22, false]);
  });

  it('gets its outlines when everything is there and no hand is busy', () => {
    rough = true;
    expect(sheet.show(shown(), haste({ calm: false }))).toBe(false);
    expect([news(), prepared, sheet.behind]).toEqual(['00 01 10 11 20 21', [], true]);
    rough = false;
    let times = 1;
    while (sheet.show(shown(), haste({ budget: 0 }))) times += 1;
    expect([prepared.toSorted().join(' '), news(), sheet.behind]).toEqual([
      ...['00 01 10 11 20 21', '00 01 10 11 20 21', false],
    ]);
    expect(times).toBe(6);
  });
});
