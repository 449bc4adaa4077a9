import { describe, expect, it } from 'vitest';
import { Pinch, wheelFactor, wheelPixels } from './fingers';
import { Drawn, isEven, MAX_POINTS, outline, pressureOf, trace, type Pen } from './stroke';
import { heightOf, naturalSize, noteHeight, wrap } from './text';
import { colorName, INK, styleOf, tint, TOOLS } from './tools';

/** Remembers where a path leads. */
class Remembered implements Pen {
  readonly to: [number, number][] = [];
  closed = false;
  moveTo(x: number, y: number) {
    this.to.push([x, y]);
  }
  lineTo(x: number, y: number) {
    this.to.push([x, y]);
  }
  quadraticCurveTo(_x: number, _y: number, x: number, y: number) {
    this.to.push([x, y]);
  }
  closePath() {
    this.closed = true;
  }
}

describe('a stroke that is drawn', () => {
  it('begins and ends where the hand does, and lags a little in between', () => {
    const drawn = new Drawn(0, 0, 128);
    expect(drawn.follow(100, 0, 128, 1)).toBe(true);
    expect(drawn.points.slice(3)).toEqual([65, 0, 128]);
    drawn.end();
    expect(drawn.points.slice(-3)).toEqual([100, 0, 128]);
    drawn.end();
    expect(drawn.points).toHaveLength(9);
  });

  it('takes the trembling out', () => {
    const drawn = new Drawn(0, 0, 128);
    for (let at = 1; at < 100; at += 1) drawn.follow(at * 40, at % 2 === 0 ? 15 : -15, 128, 1);
    const late = drawn.points.filter((_, at) => at % 3 === 1).slice(20);
    expect(Math.max(...late.map(Math.abs))).toBeLessThan(10);
  });

  it('has no points that nobody sees, and not endlessly many', () => {
    const drawn = new Drawn(0, 0, 128);
    expect(drawn.follow(5, 5, 128, 1)).toBe(false);
    // The same on the screen is further on the board when it is small.
    expect(drawn.follow(12, 0, 128, 1)).toBe(true);
    const small = new Drawn(0, 0, 128);
    expect(small.follow(12, 0, 128, 0.5)).toBe(false);
    for (let at = 1; at < MAX_POINTS + 500; at += 1) drawn.follow(at * 100, 0, 128, 1);
    drawn.end();
    expect(drawn.points).toHaveLength(3 * MAX_POINTS);
  });

  it('knows how hard a pen is pressed, and that a mouse does not', () => {
    expect(pressureOf({ pointerType: 'mouse', pressure: 0.5 })).toBe(128);
    expect(pressureOf({ pointerType: 'pen', pressure: 1 })).toBe(255);
    expect(pressureOf({ pointerType: 'pen', pressure: 0 })).toBe(1);
    expect([isEven([0, 0, 9, 1, 1, 9]), isEven([0, 0, 9, 1, 1, 8]), isEven([0, 0, 9])]).toEqual([
      true,
      false,
      true,
    ]);
  });
});

describe('the path of a stroke', () => {
  it('leads from its first point to its last, stretched', () => {
    const pen = new Remembered();
    trace(pen, [0, 0, 1, 10, 0, 1, 20, 10, 1, 30, 10, 1], 2, -1);
    expect([pen.to[0], pen.to.at(-1)]).toEqual([
      [0, -0],
      [60, -10],
    ]);
    const dot = new Remembered();
    trace(dot, [5, 6, 128]);
    expect(dot.to).toHaveLength(2);
    trace(new Remembered(), []);
  });

  it('is an outline around it, wider where it was pressed harder', () => {
    const width = (pressure: number) => {
      const pen = new Remembered();
      const points = Array.from({ length: 20 }, (_, at) => [at * 100, 0, pressure]).flat();
      outline(pen, points, 100);
      expect(pen.closed).toBe(true);
      return Math.max(...pen.to.map(([, y]) => y)) - Math.min(...pen.to.map(([, y]) => y));
    };
    expect(width(230)).toBeGreaterThan(1.3 * width(128));
    expect(width(128)).toBeGreaterThan(1.3 * width(40));
    outline(new Remembered(), [], 100);
    outline(new Remembered(), [3, 4, 128], 100);
  });
});

describe('text', () => {
  const measure = (text: string, size: number) => text.length * size * 0.5;

  it('is broken at words, and in a word that is too long', () => {
    expect(wrap('one two three', 40, 10, measure)).toEqual(['one two', 'three']);
    expect(wrap('abcdefghij', 20, 10, measure)).toEqual(['abcd', 'efgh', 'ij']);
    expect(wrap('a\n\nb ', 100, 10, measure)).toEqual(['a', '', 'b']);
    expect(wrap('', 100, 10, measure)).toEqual(['']);
    // No letter is cut in two, and every line has one.
    expect(wrap('😀😀', 1, 10, measure)).toEqual(['😀', '😀']);
  });

  it('ends some time, whatever somebody sends', () => {
    expect(wrap('x '.repeat(100_000), 10, 10, measure).length).toBeLessThanOrEqual(501);
    expect(wrap('x'.repeat(100_000), 10, 10, measure).length).toBeLessThanOrEqual(501);
  });

  it('has a frame as large as it is, and no wider than there is room', () => {
    const small = naturalSize('abcd', 100, 4_000, measure);
    expect(small.width).toBeGreaterThan(200);
    expect(small.height).toBe(130);
    expect(naturalSize('word '.repeat(50), 100, 1_000, measure)).toEqual({
      width: 1_000,
      height: heightOf(13, 100),
    });
    expect(noteHeight('word word word', 700, 100, measure)).toBe(heightOf(2, 100) + 240);
  });
});

describe('tools', () => {
  it('have keys of their own, and none that the call needs while somebody draws', () => {
    const keys = TOOLS.map(({ key }) => key);
    expect(new Set(keys).size).toBe(keys.length);
    for (const key of ['M', 'V', 'C', 'W', 'K', 'L', 'B', 'G', 'D']) expect(keys).not.toContain(key);
  });

  it('make what they are for', () => {
    const choice = { color: '#c22a1c', sheet: '#ffe58a', width: 1, filled: true };
    expect(styleOf('pen', choice)).toMatchObject({ color: '#c22a1c', fill: null, width: 40 });
    expect(styleOf('marker', choice).width).toBe(200);
    expect(styleOf('note', choice)).toMatchObject({ color: INK, fill: '#ffe58a' });
    expect(styleOf('ellipse', choice).fill).toBe(tint('#c22a1c'));
    expect([colorName('#c22a1c'), colorName('#ff0000')]).toEqual(['Red', 'Red']);
  });
});

describe('fingers', () => {
  it('are a pinch from the second one until the last is lifted', () => {
    const pinch = new Pinch();
    pinch.down(1, { x: 0, y: 0 });
    expect([pinch.isTwo, pinch.move(1, { x: 1, y: 0 })]).toEqual([false, undefined]);
    pinch.down(2, { x: 10, y: 0 });
    expect(pinch.move(2, { x: 20, y: 0 })).toEqual({
      from: [
        { x: 10, y: 0 },
        { x: 1, y: 0 },
      ],
      to: [
        { x: 20, y: 0 },
        { x: 1, y: 0 },
      ],
    });
    pinch.up(1);
    expect([pinch.isTwo, pinch.wasTwo]).toEqual([false, true]);
    pinch.up(2);
    expect(pinch.wasTwo).toBe(false);
  });

  it('and wheels of all kinds move the board about as far', () => {
    const wheel = { deltaX: 0, deltaY: 3, deltaMode: 1, shiftKey: false };
    expect(wheelPixels(wheel)).toEqual({ x: 0, y: 96 });
    expect(wheelPixels({ ...wheel, shiftKey: true })).toEqual({ x: 96, y: 0 });
    expect(wheelPixels({ ...wheel, deltaY: 1e9, deltaMode: 0 }).y).toBe(300);
    expect(wheelFactor({ ...wheel, deltaY: -100, deltaMode: 0 })).toBeCloseTo(1.2);
  });
});
