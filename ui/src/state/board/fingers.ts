import type { Point } from './geometry';

/** Two fingers that move and size the board. A gesture of two stays one until both are lifted. */
export class Pinch {
  readonly #fingers = new Map<number, Point>();
  #two = false;

  get count(): number {
    return this.#fingers.size;
  }

  /** Whether two fingers lie on the board now, and no third. */
  get isTwo(): boolean {
    return this.#fingers.size === 2;
  }

  /** Whether it is a gesture of two, of which one may be lifted already. */
  get wasTwo(): boolean {
    return this.#two;
  }

  down(id: number, at: Point): void {
    this.#fingers.set(id, at);
    if (this.#fingers.size > 1) this.#two = true;
  }

  /** Where two fingers were and where they are; `undefined` when it is only one. */
  move(id: number, at: Point): { from: [Point, Point]; to: [Point, Point] } | undefined {
    const before = this.#fingers.get(id);
    const other = [...this.#fingers].find(([one]) => one !== id)?.[1];
    if (!before) return undefined;
    this.#fingers.set(id, at);
    if (!this.isTwo || !other) return undefined;
    return { from: [before, other], to: [at, other] };
  }

  up(id: number): void {
    this.#fingers.delete(id);
    if (this.#fingers.size === 0) this.#two = false;
  }
}

export interface Wheel {
  deltaX: number;
  deltaY: number;
  /** 0: pixels, 1: lines, 2: pages. */
  deltaMode: number;
  shiftKey: boolean;
}

const LINE = 32;
const PAGE = 400;
/** A notch of a wheel is 100 pixels, and makes things larger by a fifth. */
const PER_PIXEL = Math.log(1.2) / 100;
/** No jump, whatever a driver says. */
const MOST = 300;

/** How far a wheel moves the board, in CSS pixels. */
export function wheelPixels({ deltaX, deltaY, deltaMode, shiftKey }: Wheel): Point {
  const by = deltaMode === 1 ? LINE : deltaMode === 2 ? PAGE : 1;
  const limited = (value: number) => Math.min(MOST, Math.max(-MOST, value * by));
  // With Shift a wheel that turns one way only moves sideways; some systems turn it around themselves.
  if (shiftKey && deltaX === 0) return { x: limited(deltaY), y: 0 };
  return { x: limited(deltaX), y: limited(deltaY) };
}

/** How much larger it makes the board: below 1 smaller. */
export function wheelFactor(wheel: Wheel): number {
  return Math.exp(-wheelPixels({ ...wheel, shiftKey: false }).y * PER_PIXEL);
}
