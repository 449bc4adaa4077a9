import type { BoardElement } from '../../core/core';
import { scale, seen, type Camera, type View } from '../../state/board/camera';
import { extent } from '../../state/board/element';
import { around, grown, overlap, type Box } from '../../state/board/geometry';
import type { Painter } from './paint';

/** A redraw that takes longer, in ms, is not made with every movement of the board: what was drawn is moved instead. */
const QUICK_MS = 12;
/** Outlines of pens are made for so long at a time; until then such a stroke is a line. */
const SLICE_MS = 10;

/** What the sheet is asked to show. */
export interface Shown {
  camera: Camera;
  view: View;
  /** Pixels of the screen for a CSS pixel. */
  ratio: number;
  /** From the lowest to the uppermost. */
  ids: readonly string[];
  get: (id: string) => BoardElement | undefined;
  /** What is drawn on the layer above while a hand moves it. */
  hidden: (id: string) => boolean;
}

/**
 * The canvas with all that is finished. It is drawn anew as a whole when another part of the board is looked at; when a thing
 * comes, changes or goes, only the place that it has or had. A pen’s strokes are lines at first where there are very many,
 * and get their outlines in slices.
 */
export class Sheet {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  readonly #painter: Painter;
  /** Where everything lies that is painted. */
  readonly #painted = new Map<string, Box>();
  /** What was painted last as a whole, to be moved while it is moved. */
  #copy: HTMLCanvasElement | undefined;
  #copied: Camera | undefined;
  #camera: Camera | undefined;
  #rough = new Set<string>();
  /** How long the last whole redraw took, in ms. */
  took = 0;

  constructor(canvas: HTMLCanvasElement, painter: Painter) {
    const context = canvas.getContext('2d');
    if (!context) throw new Error('a canvas has a context');
    this.#canvas = canvas;
    this.#context = context;
    this.#painter = painter;
  }

  /** Whether strokes still wait for their outlines. */
  get isRough(): boolean {
    return this.#rough.size > 0;
  }

  /** Draws everything; `now` reads a clock in ms. */
  all(shown: Shown, now: () => number): void {
    const begun = now();
    this.#fit(shown);
    this.#copied = undefined;
    this.#camera = shown.camera;
    this.#painted.clear();
    this.#rough.clear();
    this.#context.setTransform(1, 0, 0, 1, 0, 0);
    this.#context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    this.#transform(shown);
    this.#paint(shown, shown.ids, seen(shown.camera, shown.view), () => now() - begun > SLICE_MS);
    this.took = now() - begun;
  }

  /** The board is being moved. Says whether what is shown is only what was drawn before, in another place. */
  moved(shown: Shown, now: () => number): boolean {
    if (this.took <= QUICK_MS || !this.#camera) {
      this.all(shown, now);
      return false;
    }
    const from = this.#copied ?? this.#camera;
    const copy = this.#copied && this.#copy ? this.#copy : this.#keep();
    this.#copied = from;
    const by = shown.camera.zoom / from.zoom;
    const x = (from.x - shown.camera.x) * scale(shown.camera) * shown.ratio;
    const y = (from.y - shown.camera.y) * scale(shown.camera) * shown.ratio;
    this.#context.setTransform(1, 0, 0, 1, 0, 0);
    this.#context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    this.#context.drawImage(copy, x, y, copy.width * by, copy.height * by);
    return true;
  }

  #keep(): HTMLCanvasElement {
    const copy = this.#copy ?? document.createElement('canvas');
    this.#copy = copy;
    copy.width = this.#canvas.width;
    copy.height = this.#canvas.height;
    copy.getContext('2d')?.drawImage(this.#canvas, 0, 0);
    return copy;
  }

  /** Some things have changed. */
  patch(shown: Shown, ids: Iterable<string>): void {
    const places: Box[] = [];
    const last = shown.ids.at(-1);
    let only = true;
    for (const id of ids) {
      const before = this.#painted.get(id);
      this.#painted.delete(id);
      const element = shown.get(id);
      if (before) places.push(before);
      if (element) places.push(extent(element));
      // What is new and the uppermost is painted over what is there.
      if (before || id !== last || shown.hidden(id)) only = false;
    }
    this.#transform(shown);
    if (only && last !== undefined && places.length > 0) {
      this.#paint(shown, [last], seen(shown.camera, shown.view), () => false);
      return;
    }
    const place = around(places);
    if (place) this.#redraw(shown, place);
  }

  /** Draws a part of the board anew. */
  #redraw(shown: Shown, place: Box): void {
    const part = grown(place, 2 / scale(shown.camera));
    this.#context.save();
    this.#context.beginPath();
    this.#context.rect(part.x, part.y, part.width, part.height);
    this.#context.clip();
    this.#context.clearRect(part.x, part.y, part.width, part.height);
    this.#paint(shown, shown.ids, part, () => false);
    this.#context.restore();
  }

  /** Gives some strokes their outlines, and draws them anew when all have one. Says whether there is more to do. */
  refine(shown: Shown, now: () => number): boolean {
    const begun = now();
    for (const id of this.#rough) {
      if (now() - begun > SLICE_MS) return true;
      this.#rough.delete(id);
      const element = shown.get(id);
      if (element) this.#painter.prepare(element, scale(shown.camera) * shown.ratio);
    }
    this.all(shown, now);
    return this.isRough;
  }

  #paint(shown: Shown, ids: readonly string[], part: Box, late: () => boolean): void {
    const pixels = scale(shown.camera) * shown.ratio;
    for (const id of ids) {
      const element = shown.get(id);
      if (!element || shown.hidden(id)) continue;
      const box = extent(element);
      this.#painted.set(id, box);
      if (!overlap(box, part)) continue;
      if (this.#painter.paint(this.#context, element, pixels, late())) this.#rough.add(id);
    }
  }

  #fit({ view, ratio }: Shown): void {
    const width = Math.max(1, Math.round(view.width * ratio));
    const height = Math.max(1, Math.round(view.height * ratio));
    if (this.#canvas.width !== width) this.#canvas.width = width;
    if (this.#canvas.height !== height) this.#canvas.height = height;
  }

  #transform({ camera, ratio }: Shown): void {
    const by = scale(camera) * ratio;
    this.#context.setTransform(by, 0, 0, by, -camera.x * by, -camera.y * by);
  }
}
