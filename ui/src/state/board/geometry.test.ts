import { describe, expect, it } from 'vitest';
import {
  fitted,
  MAX_ZOOM,
  MIN_ZOOM,
  panned,
  pinched,
  seen,
  toBoard,
  toView,
  zoomed,
  type Camera,
} from './camera';
import { extent, head } from './element';
import { around, boxBetween, boxOf, crosses, distance2, type Frame } from './geometry';
import { hit, sweeps, touches } from './hit';
import { endPulled, handles, mapped, movedBy, pulled } from './resize';
import { thing } from './testing';

describe('boxes', () => {
  it('have no negative sides, whichever corner a frame begins at', () => {
    expect(boxOf([10, 20, -5, -8])).toEqual({ x: 5, y: 12, width: 5, height: 8 });
    expect(boxBetween({ x: 3, y: 9 }, { x: 1, y: 2 })).toEqual({ x: 1, y: 2, width: 2, height: 7 });
  });

  it('hold all of several', () => {
    expect(around([boxOf([0, 0, 1, 1]), boxOf([9, -4, 1, 1])])).toEqual({
      x: 0,
      y: -4,
      width: 10,
      height: 5,
    });
    expect(around([])).toBeUndefined();
  });
});

describe('segments', () => {
  it('are as far from a point as their nearest point is', () => {
    expect(distance2(5, 3, 0, 0, 10, 0)).toBe(9);
    expect(distance2(-3, 4, 0, 0, 10, 0)).toBe(25);
    expect(distance2(3, 4, 0, 0, 0, 0)).toBe(25);
  });

  it('cross a box that they pass through, without an end in it', () => {
    const box = boxOf([0, 0, 10, 10]);
    expect(crosses(box, -5, 5, 15, 5)).toBe(true);
    expect(crosses(box, -5, 5, 5, 15)).toBe(true);
    expect(crosses(box, -5, 6, 4, 15)).toBe(false);
    expect(crosses(box, 3, 3, 3, 3)).toBe(true);
    expect(crosses(box, 11, 0, 11, 10)).toBe(false);
  });
});

describe('the camera', () => {
  const camera: Camera = { x: -300, y: 200, zoom: 1.5 };

  it('maps to the view and back', () => {
    const at = toView(camera, toBoard(camera, { x: 123, y: 45 }));
    expect([at.x, at.y]).toEqual([expect.closeTo(123), expect.closeTo(45)]);
    expect(toView({ x: 0, y: 0, zoom: 1 }, { x: 100, y: 50 })).toEqual({ x: 10, y: 5 });
  });

  it('keeps what is under the mouse where it is while it zooms', () => {
    const point = { x: 400, y: 90 };
    const after = zoomed(camera, point, 1.7);
    const [a, b] = [toBoard(camera, point), toBoard(after, point)];
    expect([b.x, b.y]).toEqual([expect.closeTo(a.x), expect.closeTo(a.y)]);
    expect(zoomed(camera, point, 1e9).zoom).toBe(MAX_ZOOM);
    expect(zoomed(camera, point, 0).zoom).toBe(MIN_ZOOM);
  });

  it('moves as far as the hand does', () => {
    const at = toBoard(camera, { x: 50, y: 50 });
    const view = toView(panned(camera, 30, -20), at);
    expect([view.x, view.y]).toEqual([expect.closeTo(80), expect.closeTo(30)]);
    expect(panned(camera, 1e12, 0).x).toBe(-1_000_000);
  });

  it('keeps what two fingers hold between them', () => {
    const from = [
      { x: 100, y: 100 },
      { x: 200, y: 100 },
    ] as const;
    const to = [
      { x: 80, y: 140 },
      { x: 280, y: 140 },
    ] as const;
    const after = pinched(camera, from, to);
    expect(after.zoom).toBeCloseTo(3);
    const view = toView(after, toBoard(camera, { x: 150, y: 100 }));
    expect([view.x, view.y]).toEqual([expect.closeTo(180), expect.closeTo(140)]);
    expect(pinched(camera, [from[0], from[0]], to).zoom).toBe(1.5);
  });

  it('shows all of a box beside what lies over the edges, and makes nothing larger than it is', () => {
    const inset = { top: 60, right: 20, bottom: 20, left: 80 };
    const view = { width: 1_000, height: 600 };
    const box = boxOf([500, -900, 30_000, 8_000]);
    const camera = fitted(box, view, inset);
    const first = toView(camera, box);
    const last = toView(camera, { x: box.x + box.width, y: box.y + box.height });
    expect(first.x).toBeGreaterThanOrEqual(79.9);
    expect(first.y).toBeGreaterThanOrEqual(59.9);
    expect(last.x).toBeLessThanOrEqual(980.1);
    expect(last.y).toBeLessThanOrEqual(580.1);
    expect(fitted(boxOf([0, 0, 10, 10]), view, inset).zoom).toBe(1);
    expect(seen({ x: 1, y: 2, zoom: 2 }, view)).toEqual({ x: 1, y: 2, width: 5_000, height: 3_000 });
  });
});

describe('what is under a point', () => {
  const line = thing({
    kind: 'pen',
    frame: [100, 100, 100, 0],
    points: [0, 0, 128, 50, 0, 128, 100, 0, 128],
  });

  it('is a stroke by its line and not by its box', () => {
    const bent = thing({ kind: 'pen', frame: [0, 0, 100, 100], points: [0, 0, 1, 0, 100, 1, 100, 100, 1] });
    expect(hit(line, { x: 150, y: 108 }, 0)).toBe(true);
    expect(hit(line, { x: 150, y: 130 }, 10)).toBe(false);
    expect(hit(bent, { x: 70, y: 30 }, 5)).toBe(false);
    expect(hit(bent, { x: 3, y: 50 }, 5)).toBe(true);
  });

  it('is a stroke where it was stretched and mirrored to', () => {
    const wide = { ...line, frame: [100, 100, -200, 0] as Frame, natural: [100, 0] as [number, number] };
    expect([hit(wide, { x: -90, y: 100 }, 0), hit(wide, { x: 190, y: 100 }, 0)]).toEqual([true, false]);
  });

  it('is a dot', () => {
    const dot = thing({ kind: 'pen', frame: [50, 50, 0, 0], points: [0, 0, 128] });
    expect([hit(dot, { x: 55, y: 50 }, 0), hit(dot, { x: 90, y: 50 }, 0)]).toEqual([true, false]);
  });

  it.each(['rectangle', 'ellipse'] as const)(
    'is the outline of a %s, and its inside when it is filled',
    (kind) => {
      const shape = thing({ kind, frame: [0, 0, 1_000, 600] });
      const middle = { x: 500, y: 300 };
      expect([hit(shape, middle, 20), hit(shape, { x: 500, y: 0 }, 20)]).toEqual([false, true]);
      const filled = { ...shape, style: { ...shape.style, fill: '#ffffff' } };
      expect(hit(filled, middle, 0)).toBe(true);
      expect(hit(filled, { x: 10, y: 10 }, 0)).toBe(kind === 'rectangle');
    },
  );

  it('is a text, a note or a picture anywhere on it', () => {
    for (const kind of ['text', 'note', 'picture'] as const) {
      const one = thing({ kind, frame: [0, 0, 100, 100] });
      expect([hit(one, { x: 50, y: 50 }, 0), hit(one, { x: 150, y: 50 }, 0)]).toEqual([true, false]);
    }
  });

  it('is the head of an arrow, which stands beside its frame', () => {
    const arrow = thing({ kind: 'arrow', frame: [0, 0, 1_000, 0] });
    const [barb] = head(arrow);
    expect(Math.abs(barb.y)).toBeGreaterThan(20);
    expect(hit(arrow, barb, 5)).toBe(true);
    expect(extent(arrow).y).toBeLessThanOrEqual(-Math.abs(barb.y));
  });

  it('touches a frame that goes through it, and not one inside an outline', () => {
    const shape = thing({ kind: 'rectangle', frame: [0, 0, 1_000, 1_000] });
    expect(touches(shape, boxOf([400, 400, 100, 100]))).toBe(false);
    expect(touches(shape, boxOf([900, 400, 200, 100]))).toBe(true);
    expect(touches(line, boxOf([120, 90, 10, 20]))).toBe(true);
    expect(touches(line, boxOf([120, 150, 10, 20]))).toBe(false);
  });

  it('is found by an eraser that is pulled over it in one step', () => {
    expect(sweeps(line, { x: 150, y: -500 }, { x: 150, y: 700 }, 20)).toBe(true);
    expect(sweeps(line, { x: 350, y: -500 }, { x: 350, y: 700 }, 20)).toBe(false);
  });
});

describe('what is chosen', () => {
  const box = boxOf([100, 100, 200, 100]);

  it('is pulled by a corner or an edge, with its sides in relation where that is wished', () => {
    expect(pulled(box, 'se', { x: 400, y: 250 }, false)).toEqual([100, 100, 300, 150]);
    expect(pulled(box, 'n', { x: 0, y: 50 }, true)).toEqual([100, 50, 200, 150]);
    expect(pulled(box, 'nw', { x: 200, y: 150 }, false)).toEqual([200, 150, 100, 50]);
    expect(pulled(box, 'se', { x: 500, y: 110 }, true)).toEqual([100, 100, 400, 200]);
    // Over the opposite edge: it is mirrored.
    expect(pulled(box, 'e', { x: 50, y: 0 }, false)).toEqual([100, 100, -50, 100]);
  });

  it('becomes larger as a whole, and nothing of it so small that it is lost', () => {
    const one = thing({ kind: 'rectangle', frame: [150, 125, 50, 50] });
    expect(mapped(one, box, [0, 0, 400, 200])).toEqual([100, 50, 100, 100]);
    expect(mapped(one, box, [100, 100, 0, 0])).toEqual([103, 103, 3, 5]);
    const text = thing({ kind: 'text', frame: [150, 125, 50, 50] });
    expect(mapped(text, box, [100, 100, -200, 100])).toEqual([0, 125, 50, 50]);
  });

  it('has two handles if it is a line, two for its width if it is a text, and else eight', () => {
    const of = (kind: 'line' | 'text' | 'note') =>
      handles([thing({ kind })], box).map(({ handle }) => handle);
    expect([of('line'), of('text'), of('note').length]).toEqual([['from', 'to'], ['e', 'w'], 8]);
  });

  it('keeps the other end of a line where it is', () => {
    const line = thing({ kind: 'line', frame: [0, 0, 100, 50] });
    expect(endPulled(line, 'from', { x: 10, y: 20 })).toEqual([10, 20, 90, 30]);
    expect(endPulled(line, 'to', { x: -10, y: 20 })).toEqual([0, 0, -10, 20]);
    expect(movedBy(line.frame, 1.4, -3.6)).toEqual([1, -4, 100, 50]);
  });
});
