import { describe, expect, it } from 'vitest';
import { defaultMode, OWN_SCREEN, SELF, stage, tilesOf, type Wish } from '../state/stage';
import { participant, stream } from '../state/testing';
import { cornerByKey, CORNERS, nearestCorner } from './corner';
import { columns, gap, grid, PAGE_LIMIT, perPage, spotlight, stripRoom, type Rect, type Size } from './grid';

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
    [{ width: 1256, height: 680 }, 9, 3],
    [{ width: 904, height: 680 }, 5, 2],
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
      for (const beside of [true, false]) {
        for (let others = 0; others <= stripRoom(size, beside); others += 1) {
          const { large, strip } = spotlight(size, others, beside);
          check(size, [large, ...strip]);
          for (const tile of strip)
            expect(large.width * large.height).toBeGreaterThan(tile.width * tile.height);
        }
      }
    }
  });

  it('has a strip of six at most, and none where there is no room for faces', () => {
    expect(stripRoom({ width: 3840, height: 2160 }, true)).toBe(6);
    expect(stripRoom({ width: 336, height: 496 }, false)).toBe(3);
    expect(stripRoom({ width: 336, height: 140 }, false)).toBe(0);
  });
});

describe('a page', () => {
  it('holds nine at most, and as many as can be recognised', () => {
    const sizes: Size[] = [...SIZES, { width: 336, height: 140 }, { width: 90, height: 60 }];
    for (const size of sizes) {
      const count = perPage(size);
      expect(count).toBeLessThanOrEqual(PAGE_LIMIT);
      const [tile] = grid(size, count);
      if (count > 1) expect(tile?.width).toBeGreaterThanOrEqual(120);
    }
    expect(perPage({ width: 1256, height: 680 })).toBe(9);
    expect(perPage({ width: 336, height: 140 })).toBe(2);
    expect(perPage({ width: 90, height: 60 })).toBe(1);
    expect(perPage({ width: 0, height: 0 })).toBe(9);
  });
});

describe('the stage', () => {
  const size = { width: 1280, height: 700 };
  const people = (count: number) =>
    tilesOf(Array.from({ length: count }, (_, at) => participant({ id: String.fromCharCode(97 + at) })));
  const show = (count: number, wish: Partial<Wish> = {}, of = size) =>
    stage(of, people(count), { mode: defaultMode(count), ...wish });
  const keys = (shown: ReturnType<typeof stage>) => shown.places.map(({ key }) => key).join(' ');

  it('is filled by the only other, with ourselves in a corner', () => {
    const { places, floatingSelf } = show(1);
    expect(places).toMatchObject([{ key: 'a', x: 0, y: 0, ...size, large: true, strip: false }]);
    expect(floatingSelf).toBe(true);
  });

  it('is a grid with ourselves in it for more', () => {
    const shown = show(2);
    expect([keys(shown), shown.floatingSelf, shown.pages]).toEqual([`a b ${SELF}`, false, 1]);
  });

  it('has pages beyond nine, with ourselves at the end of the first', () => {
    expect([keys(show(8)), show(8).pages]).toEqual([`a b c d e f g h ${SELF}`, 1]);
    expect([keys(show(9)), keys(show(9, { page: 1 }))]).toEqual([`a b c d e f g h ${SELF}`, 'i']);
    expect(show(9, { page: 7 })).toMatchObject({ page: 1, pages: 2 });
    expect(show(11, { page: -1 }).page).toBe(0);
  });

  it('puts the focus in the spotlight, and the first when the focus has left', () => {
    const large = (focus: string | undefined) =>
      show(2, { mode: 'spotlight', focus }).places.find((place) => place.large)?.key;
    expect([large('b'), large(SELF), large('gone'), large(undefined)]).toEqual(['b', SELF, 'a', 'a']);
  });

  it('has the others in a strip, ourselves last, and says how many more there are', () => {
    const shown = show(11, { mode: 'spotlight', focus: 'c' });
    expect(keys(shown)).toBe(`c a b d e ${SELF}`);
    expect(shown.more?.count).toBe(6);
    check(size, [...shown.places, ...(shown.more ? [shown.more] : [])]);
    // Who speaks is never among those.
    expect(keys(show(11, { mode: 'spotlight', focus: 'c', speaker: 'k' }))).toBe(`c k a b d ${SELF}`);
    expect(keys(show(5, { mode: 'spotlight', focus: 'c', speaker: 'e' }))).toBe(`c a b d e ${SELF}`);
  });

  it('has the strip at the side where it is wide, and below where a panel takes the side', () => {
    const below = (wish: Partial<Wish>) => {
      const shown = show(3, { mode: 'spotlight', ...wish });
      const large = shown.places.find((place) => place.large);
      return shown.places.every((place) => place.large || place.y >= (large?.height ?? 0));
    };
    expect([below({}), below({ panel: true })]).toEqual([false, true]);
  });

  it('shows nobody but the focus where there is no room for a strip', () => {
    const shown = show(4, { mode: 'spotlight', focus: 'b', panel: true }, { width: 336, height: 140 });
    expect([keys(shown), shown.more]).toEqual(['b', undefined]);
  });

  it('gives a shared screen a tile of its own, before the people', () => {
    const streams = [stream(), stream({ source: 'screen', stream: 9 })];
    const off = [stream({ source: 'screen', stream: 8, on: false })];
    const tiles = tilesOf([participant({ id: 'a', streams: off }), participant({ id: 'b', streams })]);
    expect(tiles.map(({ key, source }) => [key, source])).toEqual([
      ['b/screen', 'screen'],
      ['a', 'camera'],
      ['b', 'camera'],
    ]);
    // Of a single other who shares, the face is in the strip, and so are we.
    const shown = stage(size, tilesOf([participant({ id: 'b', streams })]), {
      mode: 'spotlight',
      focus: 'b/screen',
    });
    expect([keys(shown), shown.floatingSelf]).toEqual([`b/screen b ${SELF}`, false]);
  });

  it('gives what we share a card beside the others, which never has the large place by itself', () => {
    const one = [participant({ id: 'b' })];
    const alone = { mode: 'spotlight' } as const;
    expect(keys(stage(size, tilesOf(one, true), alone))).toBe(`b ${OWN_SCREEN} ${SELF}`);
    expect(stage(size, tilesOf(one, false), alone).floatingSelf).toBe(true);
    expect(keys(stage(size, tilesOf(one, true), { mode: 'grid' }))).toBe(`b ${OWN_SCREEN} ${SELF}`);
    expect(tilesOf([], true)).toEqual([]);
    // Where there is no room for everybody it is the first to go, and is nobody who is hidden.
    const many = Array.from({ length: 12 }, (_, at) => participant({ id: String.fromCharCode(97 + at) }));
    const without = stage(size, tilesOf(many, false), alone);
    const crowded = stage(size, tilesOf(many, true), alone);
    expect([keys(crowded), crowded.more?.count]).toEqual([keys(without), without.more?.count]);
  });

  it('gives an activity the large place, beside a strip of everybody, in every size and number', () => {
    for (const of of SIZES) {
      for (let count = 0; count <= 11; count += 1) {
        const { places, more, activity, floatingSelf } = show(count, { activity: true, focus: 'a' }, of);
        expect([places.some(({ large }) => large), floatingSelf]).toEqual([false, false]);
        if (!activity) throw new Error('no place');
        check(of, [activity, ...places, ...(more ? [more] : [])]);
        expect(activity.width * activity.height).toBeGreaterThan(0.6 * of.width * of.height);
      }
    }
    expect(keys(show(2, { activity: true }))).toBe(`a b ${SELF}`);
  });

  it('is our own while nobody else is here', () => {
    expect(stage(size, [], { mode: 'grid' })).toMatchObject({
      places: [{ key: SELF, x: 0, y: 0, ...size, large: true }],
      floatingSelf: false,
    });
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
