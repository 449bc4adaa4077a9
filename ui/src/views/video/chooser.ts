import type { RendererKind } from './renderer';

/** Frames per trial that count; before them come some that compile shaders and allocate. */
export const TRIAL_FRAMES = 20;
export const WARM_UP_FRAMES = 3;
/** So slow that a trial is not worth finishing: more than half of a 30 Hz frame. */
const HOPELESS_MS = 18;
const HOPELESS_AFTER = 5;
/** So fast that nothing else need be tried. */
const GOOD_MS = 2;
/** Tried again after about ten minutes of 30 Hz: laptops are unplugged, windows move to other screens. */
export const RECONSIDER_FRAMES = 18_000;

export interface Choice {
  kind: RendererKind;
  /** Whether the drawing is to be finished, measured and recorded. */
  measuring: boolean;
  /** A new number asks for a new canvas: one that pixels were read from may have left the graphics card for good. */
  generation: number;
}

interface Trial {
  kind: RendererKind;
  frames: number;
  ms: number;
  pixels: number;
}

/**
 * Chooses how to draw by measuring it, since a renderer's name says nothing about its speed. One for all pictures of a
 * window; no clock and no canvas in here.
 */
export class RendererChooser {
  readonly #kinds: RendererKind[];
  #trials: Trial[] = [];
  #waiting: RendererKind[] = [];
  #choice: Choice;
  #drawn = 0;

  constructor(kinds: readonly RendererKind[]) {
    this.#kinds = [...kinds];
    this.#choice = { kind: 'plain', measuring: false, generation: 0 };
    this.#begin();
  }

  get choice(): Choice {
    return this.#choice;
  }

  /** A measured draw took `ms`. */
  record({ generation }: Choice, ms: number, pixels: number): void {
    const trial = this.#trials[this.#trials.length - 1];
    // Another picture may have ended this trial within the same animation frame.
    if (!trial || generation !== this.#choice.generation || !this.#choice.measuring) return;
    trial.frames += 1;
    if (trial.frames <= WARM_UP_FRAMES) return;
    trial.ms += ms;
    trial.pixels += pixels;
    const counted = trial.frames - WARM_UP_FRAMES;
    const mean = trial.ms / counted;
    if (counted >= TRIAL_FRAMES) {
      if (mean < GOOD_MS) this.#settle(trial.kind);
      else this.#next();
    } else if (counted >= HOPELESS_AFTER && mean > HOPELESS_MS) {
      this.#next();
    }
  }

  /** An unmeasured draw was made. */
  count(): void {
    this.#drawn += 1;
    if (this.#drawn >= RECONSIDER_FRAMES && this.#kinds.length > 1) this.#begin();
  }

  /** This way does not work here; never tried again. */
  fail(kind: RendererKind): void {
    const index = this.#kinds.indexOf(kind);
    if (index < 0) return;
    this.#kinds.splice(index, 1);
    // Slow, but made of nothing that could be missing.
    if (this.#kinds.length === 0) this.#kinds.push('plain');
    this.#trials = this.#trials.filter((trial) => trial.kind !== kind);
    this.#waiting = this.#waiting.filter((other) => other !== kind);
    if (this.#choice.kind === kind) this.#next();
  }

  #begin(): void {
    this.#trials = [];
    this.#waiting = [...this.#kinds];
    this.#drawn = 0;
    this.#next();
  }

  #next(): void {
    const kind = this.#kinds.length > 1 ? this.#waiting.shift() : undefined;
    if (kind) {
      this.#trials.push({ kind, frames: 0, ms: 0, pixels: 0 });
      this.#choose(kind, true);
    } else {
      this.#settle(this.#best());
    }
  }

  #best(): RendererKind {
    // Pictures differ in size, so what counts is the time per pixel.
    const cost = ({ ms, pixels }: Trial) => (pixels > 0 ? ms / pixels : Infinity);
    const [best] = [...this.#trials].sort((a, b) => cost(a) - cost(b));
    return best?.kind ?? this.#kinds[0] ?? 'plain';
  }

  #settle(kind: RendererKind): void {
    this.#waiting = [];
    this.#drawn = 0;
    this.#choose(kind, false);
  }

  #choose(kind: RendererKind, measuring: boolean): void {
    this.#choice = { kind, measuring, generation: this.#choice.generation + 1 };
  }
}
