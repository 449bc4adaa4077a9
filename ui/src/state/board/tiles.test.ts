import { describe, expect, it } from 'vitest';
import { boxUnder, gridOf, keyOf, placeOf, seenSquares, SIDE } from './tiles';

const view = { width: 800, height: 600 };

describe('squares of the board', () => {
  it('cover the view, the ones in its middle first', () => {
    const grid = gridOf({ x: 0, y: 0, zoom: 1 }, view, 1);
    const squares = seenSquares(grid);
    expect(squares).toHaveLength(4 * 3);
    expect(squares[0]).toEqual({ column: 1, row: 1 });
    expect(new Set(squares.map(keyOf)).size).toBe(12);
    const last = squares.at(-1) ?? { column: 0, row: 0 };
    expect([0, 3]).toContain(last.column);
  });

  it('are the same when the board is moved, in another place by whole pixels', () => {
    const before = gridOf({ x: 0, y: 0, zoom: 1.25 }, view, 1.5);
    const after = gridOf({ x: 33.3, y: -12.1, zoom: 1.25 }, view, 1.5);
    const square = { column: 1, row: -1 };
    expect(boxUnder(square, after)).toEqual(boxUnder(square, before));
    const [one, other] = [placeOf(square, before), placeOf(square, after)];
    expect([one.x - other.x, one.y - other.y]).toEqual([
      Math.round(33.3 * 0.1875),
      Math.round(-12.1 * 0.1875),
    ]);
    expect(before.side).toBe(SIDE * 1.5);
  });

  it('lie end to end on the board, also left of and above its middle', () => {
    const grid = gridOf({ x: 0, y: 0, zoom: 2 }, view, 1);
    const box = boxUnder({ column: -1, row: 0 }, grid);
    expect(box).toEqual({ x: -1_280, y: 0, width: 1_280, height: 1_280 });
    expect(boxUnder({ column: 0, row: 0 }, grid).x).toBe(0);
  });

  it('fill the view without a gap, wherever and however large it is looked at', () => {
    for (let at = 0; at < 300; at += 1) {
      const camera = {
        x: 1e6 * Math.sin(at),
        y: 1e6 * Math.cos(3 * at),
        zoom: 0.1 + 7.9 * Math.abs(Math.sin(7 * at)),
      };
      const grid = gridOf(camera, { width: 1 + 40 * at, height: 9 + 3 * at }, 1 + (at % 3) / 2);
      const places = seenSquares(grid).map((square) => placeOf(square, grid));
      let area = 0;
      let narrowest = Infinity;
      for (const { x, y } of places) {
        const across = Math.min(x + grid.side, grid.width) - Math.max(x, 0);
        const down = Math.min(y + grid.side, grid.height) - Math.max(y, 0);
        narrowest = Math.min(narrowest, across, down);
        area += across * down;
      }
      expect(narrowest).toBeGreaterThan(0);
      expect(area).toBe(grid.width * grid.height);
    }
  });
});
