import type { BoardElement, SheetStroke } from '../../core/core';
import type { SketchModel } from '../../state/sketch.svelte';
import { element, SHEET, visible } from '../../state/sketch';
import { Painter } from '../board/paint';

/** Of a screen with more pixels than this for each of ours nobody sees the difference. */
const MOST_RATIO = 2;
/** The pen that keys move, in CSS pixels. */
const CURSOR = 9;

/** The sheet of a turn: below what is finished, above what is being drawn. Both draw only when something has changed. */
export class SheetSurface {
  readonly #below: CanvasRenderingContext2D;
  readonly #above: CanvasRenderingContext2D;
  readonly #model: SketchModel;
  readonly #painter: Painter;
  /** What is painted below, in its order. */
  #painted: readonly SheetStroke[] = [];
  readonly #elements = new WeakMap<SheetStroke, BoardElement>();
  #width = 0;
  #frame: number | undefined;

  constructor(below: HTMLCanvasElement, above: HTMLCanvasElement, model: SketchModel, font: string) {
    const contexts = [below, above].map((canvas) => canvas.getContext('2d'));
    if (!contexts[0] || !contexts[1]) throw new Error('a canvas has a context');
    [this.#below, this.#above] = [contexts[0], contexts[1]];
    this.#model = model;
    this.#painter = new Painter(font, () => undefined);
  }

  /** So wide it is shown, in CSS pixels. */
  resized(width: number): void {
    this.#width = width;
    this.#painted = [];
    this.schedule();
  }

  schedule(): void {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      this.#draw();
    });
  }

  close(): void {
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
  }

  #draw(): void {
    if (this.#width < 1) return;
    const ratio = Math.min(MOST_RATIO, devicePixelRatio || 1);
    const pixels = Math.round(this.#width * ratio);
    const by = pixels / SHEET.width;
    const strokes = visible(this.#model.sheet);
    const height = Math.round(SHEET.height * by);
    const fits = this.#below.canvas.width === pixels && this.#below.canvas.height === height;
    const grows = fits && this.#painted.length > 0 && this.#painted.every((one, at) => strokes[at] === one);
    if (!grows) this.#clear(this.#below, pixels, height);
    this.#below.setTransform(by, 0, 0, by, 0, 0);
    for (const stroke of strokes.slice(grows ? this.#painted.length : 0)) {
      this.#painter.paint(this.#below, this.#element(stroke), by);
    }
    this.#painted = strokes;

    this.#clear(this.#above, pixels, height);
    this.#above.setTransform(by, 0, 0, by, 0, 0);
    const { held, pending, cursor, sheet } = this.#model;
    const live =
      sheet?.live && !strokes.some(({ number }) => number === sheet.live?.number) ? [sheet.live] : [];
    for (const { kind, style, points } of [...pending, ...live, ...(held ? [held] : [])]) {
      this.#painter.paintLive(this.#above, kind, style, points);
    }
    if (!cursor) return;
    this.#above.setTransform(ratio, 0, 0, ratio, 0, 0);
    const [x, y] = [(cursor.x * by) / ratio, (cursor.y * by) / ratio];
    this.#above.strokeStyle = '#0b7568';
    this.#above.lineWidth = held ? 4 : 2;
    this.#above.beginPath();
    this.#above.arc(x, y, CURSOR, 0, 2 * Math.PI);
    this.#above.stroke();
  }

  #element(stroke: SheetStroke): BoardElement {
    let made = this.#elements.get(stroke);
    if (!made) {
      made = element(stroke);
      this.#elements.set(stroke, made);
    }
    return made;
  }

  #clear(context: CanvasRenderingContext2D, width: number, height: number): void {
    if (context.canvas.width !== width) context.canvas.width = width;
    if (context.canvas.height !== height) context.canvas.height = height;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
  }
}
