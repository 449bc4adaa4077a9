import type { BoardStyle } from '../core/core';
import { drawn } from '../layout/crop';
import type { Size } from '../layout/grid';
import type { OwnStroke } from './board/gestures';
import { Saying } from './board/saying';
import { FADE_MS, SCREEN_SIDE, screenPage } from './board/store.svelte';
import type { Session } from './session.svelte';
import type { Zoom } from './zoom';

/** The others draw it in our colour, and as wide as they like. */
const STYLE: BoardStyle = { color: '#cf2619', fill: null, width: 20, size: 240 };
/** A hand that rests still presses; points nearer to each other than this part of a screen say nothing. */
const STEP = SCREEN_SIDE / 800;
/** Of the points of the board's strokes the third is how hard it was pressed; a laser has one width. */
const PRESSURE = 128;
/** A trail is short: what was drawn before these many points has faded, or is scribbling. */
const MOST_POINTS = 600;

export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** Where a screen's picture lies in its tile, in CSS pixels. */
export function pictureBox(picture: Size, place: Size, zoom: Zoom): Box {
  const { width, height } = drawn(picture, place, 0);
  const { scale, x, y } = zoom;
  return {
    left: x + ((place.width - width) / 2) * scale,
    top: y + ((place.height - height) / 2) * scale,
    width: width * scale,
    height: height * scale,
  };
}

/** The same place for everybody, however large they see it; `undefined` beside the picture. */
export function onScreen(at: { x: number; y: number }, box: Box): [number, number] | undefined {
  const part = (value: number, from: number, size: number) => (value - from) / size;
  const [x, y] = [part(at.x, box.left, box.width), part(at.y, box.top, box.height)];
  if (!(x >= 0 && x <= 1 && y >= 0 && y <= 1)) return undefined;
  return [Math.round(x * SCREEN_SIDE), Math.round(y * SCREEN_SIDE)];
}

/** A trail as an SVG path. */
export function pathOf(points: readonly number[]): string {
  let path = '';
  for (let at = 0; at + 2 < points.length; at += 3) {
    path += `${at === 0 ? 'M' : 'L'}${points[at] ?? 0} ${points[at + 1] ?? 0}`;
  }
  return path;
}

/** A trail of ours. */
export interface Trail {
  number: number;
  page: string;
  points: number[];
  ended: boolean;
}

type After = (callback: () => void, ms: number) => () => void;

const timers: After = (callback, ms) => {
  const timer = setTimeout(callback, ms);
  return () => clearTimeout(timer);
};

/** Pointing at what somebody shares: where the mouse is, and with a button pressed a trail that fades. */
export class PointingModel {
  /** The hand that points is chosen. It stays so for the next screen too. */
  on = $state(false);
  /** Ours, which are seen here at once. */
  trails = $state.raw<readonly Trail[]>([]);

  readonly #session: Session;
  readonly #saying: Saying;
  readonly #after: After;
  #drawing: OwnStroke | undefined;

  constructor(session: Session, after: After = timers) {
    this.#session = session;
    this.#after = after;
    this.#saying = new Saying((live) => {
      const command = { type: 'board', command: { type: 'live', live } } as const;
      void session.core.dispatch(command).catch(() => undefined);
    }, after);
  }

  toggle(): void {
    this.on = !this.on;
    if (!this.on) this.left();
  }

  /** The mouse is there; `undefined`: beside the screen. */
  move(peer: string, at: [number, number] | undefined): void {
    if (!this.on) return;
    this.#saying.say({ page: screenPage(peer), pointer: at ?? null });
    const stroke = this.#drawing;
    if (!stroke || !at || stroke.page !== screenPage(peer)) return;
    const [x, y] = stroke.points.slice(-3);
    if (x !== undefined && y !== undefined && Math.hypot(at[0] - x, at[1] - y) < STEP) return;
    if (stroke.points.length >= 3 * MOST_POINTS) return this.up();
    stroke.points.push(at[0], at[1], PRESSURE);
    this.#saying.stroke(stroke);
    this.#show(stroke, false);
  }

  /** A button is pressed. Says whether a trail begins. */
  down(peer: string, at: [number, number] | undefined): boolean {
    if (!this.on || !at) return false;
    const number = this.#session.board.nextStroke();
    this.#drawing = {
      number,
      kind: 'laser',
      style: STYLE,
      page: screenPage(peer),
      points: [...at, PRESSURE],
    };
    this.#saying.say({ page: screenPage(peer), pointer: at });
    this.#saying.stroke(this.#drawing);
    return true;
  }

  up(): void {
    const stroke = this.#drawing;
    if (!stroke) return;
    this.#drawing = undefined;
    this.#saying.finish();
    this.#show(stroke, true);
    this.#after(() => (this.trails = this.trails.filter(({ number }) => number !== stroke.number)), FADE_MS);
  }

  /** It is pointed nowhere any more. */
  left(): void {
    this.up();
    this.#saying.say({ pointer: null });
  }

  #show({ number, page, points }: OwnStroke, ended: boolean): void {
    if (page === null) return;
    const others = this.trails.filter((trail) => trail.number !== number);
    this.trails = [...others, { number, page, points: [...points], ended }];
  }
}
