/* eslint-disable svelte/prefer-svelte-reactivity -- of thousands of things a few move, and whoever draws them is told which */
import type { Frame } from './geometry';
import type { Host } from './host';

/** What was changed here and is not told back by the engine by then was changed by somebody else too. */
const SETTLED_MS = 1_000;
/** How often others are told of what moves, and of how many things. */
const MOVE_MS = 100;
const FEW = 50;

/** Things that are moved or sized: shown here at once, told to the others ten times a second, and given back when refused. */
export class Moving {
  /** Where things are shown while they are moved, and until the engine says the same. */
  readonly shifted = new Map<string, Frame>();
  /** One more with every move of something that is shown here only. */
  moves = $state(0);
  readonly #host: Host;
  /** The last move that waits to be told. */
  #waiting: (() => void) | undefined;

  constructor(host: Host) {
    this.#host = host;
  }

  preview(frames: ReadonlyMap<string, Frame>): void {
    for (const [id, frame] of frames) this.shifted.set(id, frame);
    this.moves += 1;
    this.#host.changed();
  }

  reframe(frames: ReadonlyMap<string, Frame>, gesture: number, last: boolean): void {
    const changes = [...frames].map(([id, frame]) => ({ id, frame, style: null, text: null, order: null }));
    const tell = () => void this.#host.ask({ type: 'change', changes, gesture });
    if (!last) {
      // Others see it move, ten times a second; of very much at once only where it comes to lie.
      if (changes.length > FEW) return;
      if (!this.#waiting) this.#host.after(() => this.#tell(), MOVE_MS);
      this.#waiting = tell;
      return;
    }
    this.#waiting = undefined;
    this.preview(frames);
    void this.#host.ask({ type: 'change', changes, gesture }).then((reply) => {
      // What was refused lies where it lay.
      if (!reply) this.#settle(frames);
    });
    this.#host.after(() => this.#settle(frames), SETTLED_MS);
  }

  #tell(): void {
    const tell = this.#waiting;
    this.#waiting = undefined;
    tell?.();
  }

  #settle(frames: ReadonlyMap<string, Frame>): void {
    for (const [id, frame] of frames) if (this.shifted.get(id) === frame) this.shifted.delete(id);
    this.moves += 1;
    this.#host.changed();
  }

  /** Frames that the engine knows now need not be remembered; while a `hand` holds something it may differ. */
  follow(hand: boolean): void {
    for (const [id, frame] of this.shifted) {
      const now = this.#host.store.get(id)?.frame;
      if (!now || (!hand && now.every((part, at) => part === frame[at]))) this.shifted.delete(id);
    }
  }
}
