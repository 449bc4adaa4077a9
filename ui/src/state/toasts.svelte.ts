import type { Notice } from '../core/core';

/** Long enough to read a sentence; the specification allows five seconds at most. */
export const TOAST_MS = 5_000;
/** More at once would cover the call. */
export const TOAST_LIMIT = 3;

export interface Toast extends Notice {
  key: number;
}

/** What is told once and goes away by itself. */
export class Toasts {
  list = $state.raw<readonly Toast[]>([]);
  #next = 0;
  readonly #after: (callback: () => void, ms: number) => void;

  constructor(
    after: (callback: () => void, ms: number) => void = (callback, ms) => setTimeout(callback, ms),
  ) {
    this.#after = after;
  }

  /** The same thing told again takes the place of what it said before. */
  show(notice: Notice): void {
    this.#next += 1;
    const key = this.#next;
    const others = this.list.filter((toast) => toast.code !== notice.code);
    this.list = [...others, { ...notice, key }].slice(-TOAST_LIMIT);
    this.#after(() => this.dismiss(key), TOAST_MS);
  }

  dismiss(key: number): void {
    this.list = this.list.filter((toast) => toast.key !== key);
  }
}
