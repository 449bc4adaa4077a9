import { describe, expect, it } from 'vitest';
import { defaultMode, SELF, stage } from '../state/stage';
import { cornerByKey, CORNERS, nearestCorner } from './corner';
import { columns, gap, grid, spotlight, type Rect, type Size } from './grid';

const SIZES: Size[] = [
  { width: 360, height: 480 },
  { width: 480, height: 640 },
  { width: 1280, height: 800 },
  { width: 3840, height: 2160 },
  { width: 2560, height: 500 },
];

function overlaps(a: Rect, b: Rect): boolean {
  const slack = 0.01;
  return (
    a.x + a.width > b.x + slack &&
    b.x + b.width > a.x + slack &&
    a.y + a.height > b.y + slack &&
    b.y + b.height > a.y + slack
  );
}

function inside(size: Size, { x, y, width, height }: Rect): boolean {
  const slack = 0.01;
  return x >= -slack && y >= -slack && x + width <= size.width + slack && y + height <= size.height + slack;
}

function check(size: Size, rects: Rect[]) {
  rects.forEach((rect, index) => {
    expect(inside(size, rect), JSON.stringify({ size, rect })).toBe(true);
    expect(rect.width > 0 && rect.height > 0).toBe(true);
    for (const other of rects.slice(index + 1)) expect(overlaps(rect, other)).toBe(false);
  });
}

describe('the grid', () => {
  it.each([
    [{ width: 1280, height: 800 }, 2, 2],
    [{ width: 1280, height: 800 }, 4, 2],
    [{ width: 1280, height: 800 }, 6, 3],
    [{ width: 480, height: 640 }, 2, 1],
    [{ width: 480, height: 640 }, 6, 2],
    [{ width: 0, height: 0 }, 3, 1],
  ])('in %j of %i has %i columns', (size, count, expected) => {
    expect(columns(size, count)).toBe(expected);
  });

  it('stays in the window, without overlaps, in every size and number', () => {
    for (const size of SIZES) for (let count = 1; count <= 12; count += 1) check(size, grid(size, count));
  });

  it('has tiles between 4:3 and 17:9, all alike, 16 px apart', () => {
    for (const size of SIZES) {
      for (let count = 1; count <= 9; count += 1) {
        const rects = grid(size, count);
        for (const { width, height } of rects) {
          expect(width / height).toBeGreaterThanOrEqual(4 / 3 - 1e-9);
          expect(width / height).toBeLessThanOrEqual(17 / 9 + 1e-9);
          expect(width).toBe(rects[0]?.width);
        }
      }
    }
    const [first, second] = grid({ width: 1280, height: 800 }, 4);
    expect(second && first && second.x - first.x - first.width).toBeCloseTo(16);
    expect(gap({ width: 360, height: 480 })).toBe(8);
  });

  it('centres its last row', () => {
    const last = grid({ width: 1280, height: 800 }, 3)[2];
    expect(last && last.x + last.width / 2).toBeCloseTo(640);
  });
});

describe('the spotlight', () => {
  it('stays in the window, without overlaps, in every size and number', () => {
    for (const size of SIZES) {
      for (let others = 0; others <= 8; others += 1) {
        const { large, strip } = spotlight(size, others);
        check(size, [large, ...strip]);
        for (const tile of strip)
          expect(large.width * large.height).toBeGreaterThan(tile.width * tile.height);
      }
    }
  });
});

describe('the stage', () => {
  const size = { width: 1280, height: 800 };

  it('is filled by the only other, with ourselves in a corner', () => {
    expect(stage(size, ['a'], defaultMode(1), undefined)).toEqual({
      places: [{ id: 'a', x: 0, y: 0, ...size, large: true }],
      floatingSelf: true,
    });
  });

  it('is a grid with ourselves in it for more', () => {
    const { places, floatingSelf } = stage(size, ['a', 'b'], defaultMode(2), undefined);
    expect([places.map(({ id }) => id), floatingSelf]).toEqual([['a', 'b', SELF], false]);
  });

  it('puts the focus in the spotlight, and the first when the focus has left', () => {
    const large = (focus: string | undefined) =>
      stage(size, ['a', 'b'], 'spotlight', focus).places.find((place) => place.large)?.id;
    expect([large('b'), large('gone'), large(undefined)]).toEqual(['b', 'a', 'a']);
  });

  it('is empty when alone', () => {
    expect(stage(size, [], 'grid', undefined).places).toEqual([]);
  });
});

describe('the corner', () => {
  it('is the nearest one', () => {
    const size = { width: 100, height: 100 };
    expect(nearestCorner({ x: 10, y: 20 }, size)).toBe('top-left');
    expect(nearestCorner({ x: 90, y: 51 }, size)).toBe('bottom-right');
  });

  it('moves by arrow keys, and by no others', () => {
    expect(cornerByKey('bottom-right', 'ArrowUp')).toBe('top-right');
    expect(cornerByKey('top-right', 'ArrowLeft')).toBe('top-left');
    for (const corner of CORNERS) expect(cornerByKey(corner, 'm')).toBeUndefined();
  });
});
