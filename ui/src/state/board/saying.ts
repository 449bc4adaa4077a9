import type { BoardOwnLive, BoardOwnStroke } from '../../core/core';
import type { OwnStroke } from './gestures';

/** The engine tells the others 25 times a second; it need not be told much oftener. */
export const SAY_MS = 33;

/** What others are told of what we are doing right now: the latest, at most 30 times a second, and no point twice. */
export class Saying {
  #state: BoardOwnLive = { page: null, pointer: null, stroke: null, editing: null };
  #stroke: OwnStroke | undefined;
  /** Of which stroke how many points were told. */
  #told = { number: 0, points: 0 };
  #due = false;
  #stop: (() => void) | undefined;
  readonly #send: (live: BoardOwnLive) => void;
  readonly #after: (callback: () => void, ms: number) => () => void;

  constructor(send: (live: BoardOwnLive) => void, after: (callback: () => void, ms: number) => () => void) {
    this.#send = send;
    this.#after = after;
  }

  say(change: Partial<Omit<BoardOwnLive, 'stroke'>>): void {
    const next = { ...this.#state, ...change };
    const same =
      next.page === this.#state.page &&
      next.editing === this.#state.editing &&
      next.pointer?.join() === this.#state.pointer?.join();
    this.#state = next;
    if (!same) this.#wake();
  }

  stroke(stroke: OwnStroke | undefined): void {
    this.#stroke = stroke;
    this.#wake();
  }

  /** All of the stroke is told at once, and then that there is none: it goes on as an element. */
  finish(): void {
    this.#say();
    this.#stroke = undefined;
    this.#wake();
  }

  stop(): void {
    this.#stop?.();
    this.#stop = undefined;
    this.#due = false;
    this.#stroke = undefined;
    this.#state = { ...this.#state, pointer: null, editing: null };
    this.#say();
  }

  /** Says it when it is time. */
  #wake(): void {
    this.#due = true;
    if (this.#stop) return;
    this.#stop = this.#after(() => {
      this.#stop = undefined;
      if (!this.#due) return;
      this.#say();
    }, SAY_MS);
  }

  #say(): void {
    this.#due = false;
    this.#send({ ...this.#state, stroke: this.#more() });
  }

  /** Of the stroke what was not told yet. */
  #more(): BoardOwnStroke | null {
    const stroke = this.#stroke;
    if (!stroke) return null;
    const { number, kind, style, points } = stroke;
    const grows = kind === 'pen' || kind === 'marker' || kind === 'laser';
    const keep = grows && this.#told.number === number ? this.#told.points : 0;
    this.#told = { number, points: points.length / 3 };
    return { number, kind, style, keep, points: points.slice(3 * keep) };
  }
}
