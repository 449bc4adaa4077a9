import type { BoardNew } from '../../core/core';
import { isLine, isStroke } from './element';
import { boxOf, frameOf } from './geometry';
import type { OwnStroke } from './gestures';
import type { Host } from './host';
import { FADE_MS } from './store.svelte';

/** What we draw: shown here and told to the others while the hand moves, and until the element has come that it becomes. */
export class OwnStrokes {
  /** Ours that are drawn, or that no element has come for yet. */
  pending: OwnStroke[] = [];
  /** Trails of our laser, with the moment at which the hand was lifted. */
  trails: (OwnStroke & { ended: number })[] = [];
  readonly #host: Host;
  /** The number of the stroke that the hand draws. */
  #drawing: number | undefined;

  constructor(host: Host) {
    this.#host = host;
  }

  next(): number {
    return this.#host.store.nextStroke();
  }

  draw(stroke: OwnStroke | undefined): void {
    const current = this.pending.at(-1);
    if (!stroke) {
      if (current && this.#drawing === current.number) this.pending = this.pending.slice(0, -1);
      this.#drawing = undefined;
    } else {
      if (current?.number === stroke.number) this.pending[this.pending.length - 1] = stroke;
      else this.pending = [...this.pending, stroke];
      this.#drawing = stroke.number;
    }
    this.#host.saying.stroke(stroke);
    this.#host.changed();
  }

  keep(stroke: OwnStroke): void {
    this.draw(stroke);
    this.#drawing = undefined;
    this.#host.saying.finish();
    const drop = () => {
      this.pending = this.pending.filter(({ number }) => number !== stroke.number);
      this.#host.changed();
    };
    if (stroke.kind === 'laser') {
      this.trails = [...this.trails, { ...stroke, ended: this.#host.now() }];
      drop();
      return;
    }
    void this.#host.ask({ type: 'add', elements: [made(stroke)] }).then((reply) => {
      // What was refused is not on the board: the toast says why.
      if (reply?.type !== 'drawn') drop();
    });
  }

  /** Strokes that are elements now are not drawn here; `undefined`: everything is another. */
  follow(ids: readonly string[] | undefined): void {
    const { store } = this.#host;
    const mine = new Set<number>();
    for (const id of ids ?? []) {
      const element = store.get(id);
      if (element?.author === store.me && element.live !== null) mine.add(element.live);
    }
    if (mine.size > 0) this.pending = this.pending.filter(({ number }) => !mine.has(number));
    if (ids === undefined) this.pending = [];
  }

  /** Forgets trails that have faded. Says whether one fades still. */
  age(now: number): boolean {
    this.trails = this.trails.filter(({ ended }) => now - ended < FADE_MS);
    return this.trails.length > 0;
  }
}

/** What a stroke, or a shape, is when it is finished. */
function made({ kind, style, page, points, number }: OwnStroke): BoardNew {
  const [x = 0, y = 0, , toX = x, toY = y] = points;
  return {
    ...{ kind, page, style, text: '', live: number },
    points: isStroke(kind) ? points : [],
    frame: isStroke(kind)
      ? [0, 0, 0, 0]
      : isLine(kind)
        ? [x, y, toX - x, toY - y]
        : frameOf(boxOf([x, y, toX - x, toY - y])),
  };
}
