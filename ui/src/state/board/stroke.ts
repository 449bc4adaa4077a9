import { getStroke } from 'perfect-freehand';
import { UNIT } from './camera';

/**
 * Strokes while they are drawn, and the outline of a finished one. Points are flat lists of x, y and pressure (0 to 255), in
 * the board’s lengths.
 */

/** What a mouse says, which knows no pressure. */
export const NO_PRESSURE = 128;
/** How much of the way to where the hand is a new point goes: the rest takes the trembling out. */
const FOLLOW = 0.65;
/** Nearer to the point before, in CSS pixels, a point says nothing. */
const NEAR = 0.6;
/** As many points as the engine takes. */
export const MAX_POINTS = 20_000;

/** A stroke that is being drawn. */
export class Drawn {
  readonly points: number[] = [];
  #x: number;
  #y: number;
  #last: [number, number, number];

  constructor(x: number, y: number, pressure: number) {
    this.#x = x;
    this.#y = y;
    this.#last = [x, y, pressure];
    this.points.push(Math.round(x), Math.round(y), pressure);
  }

  /** The hand has moved; `zoom` says how large a pixel is. Says whether there is a new point. */
  follow(x: number, y: number, pressure: number, zoom: number): boolean {
    this.#last = [x, y, pressure];
    const nextX = this.#x + (x - this.#x) * FOLLOW;
    const nextY = this.#y + (y - this.#y) * FOLLOW;
    const at = this.points.length - 3;
    const far = Math.hypot(nextX - (this.points[at] ?? 0), nextY - (this.points[at + 1] ?? 0));
    if (far < (NEAR * UNIT) / zoom || this.points.length >= 3 * MAX_POINTS) return false;
    this.#x = nextX;
    this.#y = nextY;
    this.points.push(Math.round(nextX), Math.round(nextY), pressure);
    return true;
  }

  /** The hand is lifted: the line ends where it was. */
  end(): void {
    const [x, y, pressure] = this.#last;
    const at = this.points.length - 3;
    const same = this.points[at] === Math.round(x) && this.points[at + 1] === Math.round(y);
    if (!same && this.points.length < 3 * MAX_POINTS) {
      this.points.push(Math.round(x), Math.round(y), pressure);
    }
  }
}

/** Whether all was pressed alike, as by a mouse: such a line is as wide everywhere. */
export function isEven(points: readonly number[]): boolean {
  for (let at = 5; at < points.length; at += 3) if (points[at] !== points[2]) return false;
  return true;
}

/** The pressure of a pointer event as points have it. */
export function pressureOf(event: { pointerType: string; pressure: number }): number {
  if (event.pointerType !== 'pen') return NO_PRESSURE;
  return Math.min(255, Math.max(1, Math.round(event.pressure * 255)));
}

/** What a path is made with: a canvas’s, or a test’s. */
export interface Pen {
  moveTo(x: number, y: number): void;
  lineTo(x: number, y: number): void;
  quadraticCurveTo(cx: number, cy: number, x: number, y: number): void;
  closePath(): void;
}

/** The line through the points: curves from the middle between two to the middle between the next. */
export function trace(pen: Pen, points: readonly number[], sx = 1, sy = 1): void {
  const x = (at: number) => (points[3 * at] ?? 0) * sx;
  const y = (at: number) => (points[3 * at + 1] ?? 0) * sy;
  const count = Math.floor(points.length / 3);
  if (count === 0) return;
  pen.moveTo(x(0), y(0));
  // A dot is a line that leads nowhere; some engines draw nothing where nothing is led.
  if (count === 1) pen.lineTo(x(0) + 0.1, y(0));
  for (let at = 1; at < count - 1; at += 1) {
    pen.quadraticCurveTo(x(at), y(at), (x(at) + x(at + 1)) / 2, (y(at) + y(at + 1)) / 2);
  }
  if (count > 1) pen.lineTo(x(count - 1), y(count - 1));
}

/** The outline of a pen’s stroke, whose width follows the pressure; to be filled. `width` is what it has at half of it. */
export function outline(pen: Pen, points: readonly number[], width: number, sx = 1, sy = 1): void {
  const list: [number, number, number][] = [];
  for (let at = 0; at + 2 < points.length; at += 3) {
    list.push([
      ((points[at] ?? 0) * sx) / UNIT,
      ((points[at + 1] ?? 0) * sy) / UNIT,
      (points[at + 2] ?? NO_PRESSURE) / 255,
    ]);
  }
  // The points are smoothed already, by whoever drew them.
  const around = getStroke(list, {
    size: width / UNIT,
    thinning: 0.6,
    smoothing: 0.5,
    streamline: 0,
    simulatePressure: false,
    last: true,
  });
  const [first] = around;
  if (!first) return;
  pen.moveTo(first[0] * UNIT, first[1] * UNIT);
  for (let at = 1; at < around.length; at += 1) {
    const [ax, ay] = around[at] ?? first;
    const [bx, by] = around[(at + 1) % around.length] ?? first;
    pen.quadraticCurveTo(ax * UNIT, ay * UNIT, ((ax + bx) / 2) * UNIT, ((ay + by) / 2) * UNIT);
  }
  pen.closePath();
}
