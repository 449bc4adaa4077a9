import type { Notice } from '../core/core';

/** Long enough to read a sentence; the specification allows five seconds at most. */
export const TOAST_MS = 5_000;
/** More at once would cover the call. */
export const TOAST_LIMIT = 2;

/** What a press on a toast does. */
export interface Act {
  /** What it is for, for whoever reads by ear. */
  label: string;
  /** Whether it waits for somebody to press or dismiss it. */
  stays?: boolean;
  /** Whether the label stands on a button beside the message, instead of the message being one. */
  button?: boolean;
  run: () => void;
}

/** What is told, in the window's language. */
export type Told = Omit<Notice, 'parameters'>;

export interface Toast extends Told {
  key: number;
  act?: Act;
}

/** What is told once. It goes away by itself, but for errors: those stay until somebody has read and dismissed them. */
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
  show(notice: Told, act?: Act): void {
    const said = (toast: Toast) => toast.kind === 'error' && toast.message === notice.message;
    // It stands there already, and stays: a hint of the same would only take it away again.
    if (notice.kind !== 'error' && this.list.some(said)) return;
    this.#next += 1;
    const key = this.#next;
    const others = this.list.filter(
      ({ code, message }) => code !== notice.code && message !== notice.message,
    );
    this.list = limited([...others, act ? { ...notice, key, act } : { ...notice, key }]);
    if (notice.kind !== 'error' && act?.stays !== true) this.#after(() => this.dismiss(key), TOAST_MS);
  }

  /** What it told of is looked at now. */
  retire(code: string): void {
    this.list = this.list.filter((toast) => toast.code !== code);
  }

  dismiss(key: number): void {
    this.list = this.list.filter((toast) => toast.key !== key);
  }
}

/** Makes room by leaving out the oldest; no error makes room for news. */
function limited(list: readonly Toast[]): readonly Toast[] {
  let over = list.length - TOAST_LIMIT;
  const newest = list.at(-1);
  return list.filter((toast) => {
    if (over <= 0 || toast === newest || toast.kind === 'error') return true;
    over -= 1;
    return false;
  });
}
