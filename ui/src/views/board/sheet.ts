import type { BoardElement } from '../../core/core';
import { type Camera, type View } from '../../state/board/camera';
import { extent } from '../../state/board/element';
import { around, grown, overlap, type Box } from '../../state/board/geometry';
import {
  boxUnder,
  gridOf,
  keyOf,
  placeOf,
  seenSquares,
  type Grid,
  type Square,
} from '../../state/board/tiles';
import type { Painter } from './paint';

/** What was painted at another size is stretched while the size changes, if painting it all anew takes longer, in ms. */
const QUICK_MS = 12;
/** Outlines of pens are made for so long in a picture, in ms; until then such a stroke is a line. */
const OUTLINES_MS = 4;
/** Of more changes at once each square is painted as a whole, when its turn comes. */
const FEW = 64;
/** So many things are painted before the clock is looked at: of a square full of them only a part fits into a picture. */
const CHUNK = 40;
/** Squares that are not seen are kept for a while: so many times those that are. */
const KEPT = 2;

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

/** How long a picture may take. */
export interface Haste {
  now: () => number;
  /** In ms. Some of a square is painted in any case. */
  budget: number;
  /** The size changed a moment ago, and will change again. */
  resizing: boolean;
  /** Whether there is time for outlines. */
  calm: boolean;
}

/** A square as it is painted. */
interface Tile {
  square: Square;
  /** What is shown of it; `undefined`: nothing lies on it. */
  canvas: HTMLCanvasElement | undefined;
  /** What it is painted on: what is shown, unless something was shown before, which stays until all is painted. */
  easel: HTMLCanvasElement | undefined;
  /** What is painted is not what there is; it is shown until its turn comes. */
  stale: boolean;
  /** What is to be painted on it still, the lowest first. */
  rest: string[];
  /** Some of its strokes are lines still. */
  rough: boolean;
}

/**
 * The canvas with all that is finished, put together of squares that are painted one by one: those in the middle of the view
 * first, and only as many for each picture as there is time for. A movement paints only what comes into view; when a thing
 * comes, changes or goes, only the place that it has or had.
 */
export class Sheet {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  readonly #painter: Painter;
  /** Where everything lies. */
  #places = new Map<string, Box>();
  #tiles = new Map<string, Tile>();
  /** Of the squares. */
  #grid: Grid | undefined;
  /** What was shown last of squares of another size. */
  #before: { canvas: HTMLCanvasElement; grid: Grid } | undefined;
  /** Squares whose place on the sheet is to be painted. */
  readonly #touched = new Set<string>();
  /** How long painting everything that is seen took last, in ms; and so far, where it is not over. */
  #took = 0;
  #taking: number | undefined;
  /** Whether squares that are seen wait for their turn, or for outlines. */
  behind = false;
  /** Looking at a pixel has it painted. */
  readonly #scratch = contextOf(squareOf(1));

  constructor(canvas: HTMLCanvasElement, painter: Painter) {
    this.#canvas = canvas;
    this.#context = contextOf(canvas);
    this.#painter = painter;
  }

  /** Everything may be another. What is shown stays until its turn comes, unless it is of `another` page. */
  reset(shown: Shown, another: boolean): void {
    for (const tile of this.#tiles.values()) tile.stale = true;
    if (another) {
      this.#clear();
      this.#before = undefined;
      this.#grid = undefined;
    }
    this.#places = new Map();
    for (const id of shown.ids) {
      const element = shown.get(id);
      if (element) this.#places.set(id, extent(element));
    }
  }

  /** Some things have changed. */
  patch(shown: Shown, ids: ReadonlySet<string>): void {
    const places: Box[] = [];
    const last = shown.ids.at(-1);
    let only = last;
    for (const id of ids) {
      const before = this.#places.get(id);
      const element = shown.get(id);
      const now = element && extent(element);
      if (now) this.#places.set(id, now);
      else this.#places.delete(id);
      places.push(...[before, now].filter((place) => place !== undefined));
      // What is new and the uppermost is painted over what is there.
      if (before || id !== last || shown.hidden(id)) only = undefined;
    }
    const grid = this.#grid;
    if (!grid) return;
    const seen = new Set(seenSquares(grid).map(keyOf));
    for (const [key, tile] of this.#tiles) {
      const part = boxUnder(tile.square, grid);
      const margin = 2 / grid.by;
      const here = places.filter((place) => overlap(grown(place, margin), part));
      const place = around(here);
      if (!place || tile.stale) continue;
      if (!seen.has(key) || !tile.canvas || tile.rest.length > 0 || ids.size > FEW) {
        tile.stale = true;
        continue;
      }
      const context = contextOf(tile.canvas);
      if (only === undefined) this.#repaint(shown, tile, context, grown(place, margin), grid);
      else this.#paint(shown, [only], tile, context, part, grid, false);
      this.#touched.add(key);
    }
  }

  /** All squares are to be painted anew. */
  #clear(): void {
    this.#tiles.clear();
    this.#taking = 0;
  }

  /** Shows what is to be seen now, as far as there is time. Says whether there is more to do at once. */
  show(shown: Shown, haste: Haste): boolean {
    const begun = haste.now();
    const grid = gridOf(shown.camera, shown.view, shown.ratio);
    const last = this.#grid;
    const resized = last !== undefined && (last.by !== grid.by || last.side !== grid.side);
    if (resized) this.#before ??= { canvas: copyOf(this.#canvas), grid: last };
    if (resized && haste.resizing && this.#took > QUICK_MS) {
      this.#compose(grid, false);
      this.behind = true;
      return false;
    }
    if (resized) this.#clear();
    this.#grid = grid;
    const fits = this.#fit(grid);
    if (!fits || resized || last?.left !== grid.left || last.top !== grid.top) this.#compose(grid, true);
    const squares = seenSquares(grid);
    const more = this.#fill(shown, squares, haste, begun, grid);
    this.#tidy(squares);
    return more;
  }

  /** Paints squares for as long as there is time, and then makes outlines. */
  #fill(shown: Shown, squares: Square[], haste: Haste, begun: number, grid: Grid): boolean {
    const spent = () => haste.now() - begun;
    for (const key of this.#touched) this.#put(key, grid);
    this.#touched.clear();
    const late = () => spent() > haste.budget;
    const waits = squares.find((square, at) => {
      // What is painted in any case is in the middle.
      if (at > 0 && late() && this.#isToPaint(square)) return true;
      return !this.#paintSquare(shown, square, grid, () => spent() > OUTLINES_MS, late);
    });
    if (this.#taking !== undefined) this.#taking += spent();
    if (waits) return (this.behind = true);
    this.#took = this.#taking ?? this.#took;
    this.#taking = undefined;
    this.#before = undefined;
    const rough = squares.filter((square) => this.#tiles.get(keyOf(square))?.rough === true);
    const [next] = rough;
    this.behind = next !== undefined;
    if (!next || !haste.calm) return false;
    if (!this.#outline(shown, next, grid, late)) return true;
    const tile = this.#tiles.get(keyOf(next));
    if (tile) tile.stale = true;
    this.#paintSquare(
      shown,
      next,
      grid,
      () => false,
      () => false,
    );
    return (this.behind = rough.length > 1);
  }

  /** Makes the outlines of what lies on a square. Says whether all are there. */
  #outline(shown: Shown, square: Square, grid: Grid, late: () => boolean): boolean {
    const part = boxUnder(square, grid);
    for (const id of shown.ids) {
      const place = this.#places.get(id);
      const element = place && overlap(place, part) ? shown.get(id) : undefined;
      if (!element) continue;
      if (late()) return false;
      this.#painter.prepare(element, grid.by);
    }
    return true;
  }

  #isToPaint(square: Square): boolean {
    const tile = this.#tiles.get(keyOf(square));
    return !tile || tile.stale || tile.rest.length > 0;
  }

  /** Paints what a square has not yet, until it is late. Says whether that is all of it. */
  #paintSquare(shown: Shown, square: Square, grid: Grid, rough: () => boolean, late: () => boolean): boolean {
    const key = keyOf(square);
    const near = grown(boxUnder(square, grid), 2 / grid.by);
    const tile = this.#tiles.get(key) ?? {
      ...{ square, canvas: undefined, easel: undefined },
      ...{ stale: true, rest: [], rough: false },
    };
    this.#tiles.set(key, tile);
    if (tile.stale) this.#begin(shown, tile, near, grid);
    else if (tile.rest.length === 0) return true;
    const context = tile.easel && contextOf(tile.easel);
    while (context && tile.rest.length > 0) {
      const some = this.#paint(shown, tile.rest.splice(0, CHUNK), tile, context, near, grid, rough);
      tile.rough ||= some;
      if (tile.rest.length === 0) break;
      // Some engines only note down what is painted, until somebody looks at it, and no clock would tell.
      if (tile.canvas === tile.easel) this.#put(key, grid);
      else this.#scratch.drawImage(context.canvas, 0, 0, 1, 1);
      if (late()) return false;
    }
    tile.canvas = tile.easel;
    tile.easel = undefined;
    this.#put(key, grid);
    return true;
  }

  /** What is to be painted on a square, and on what. */
  #begin(shown: Shown, tile: Tile, near: Box, grid: Grid): void {
    tile.stale = false;
    tile.rough = false;
    tile.rest = shown.ids.filter((id) => {
      const place = this.#places.get(id);
      return place !== undefined && overlap(place, near) && !shown.hidden(id);
    });
    tile.easel = tile.rest.length > 0 ? squareOf(grid.side) : undefined;
    tile.canvas ??= tile.easel;
  }

  /** Draws a part of a square anew. */
  #repaint(shown: Shown, tile: Tile, context: CanvasRenderingContext2D, part: Box, grid: Grid): void {
    this.#turn(context, tile.square, grid);
    context.save();
    context.beginPath();
    context.rect(part.x, part.y, part.width, part.height);
    context.clip();
    context.clearRect(part.x, part.y, part.width, part.height);
    this.#paint(shown, shown.ids, tile, context, part, grid, false);
    context.restore();
  }

  /** Says whether strokes are lines that are to have outlines. */
  #paint(
    shown: Shown,
    ids: readonly string[],
    { square }: Tile,
    context: CanvasRenderingContext2D,
    part: Box,
    grid: Grid,
    rough: false | (() => boolean),
  ): boolean {
    this.#turn(context, square, grid);
    let some = false;
    for (const id of ids) {
      const place = this.#places.get(id);
      const element = place && overlap(place, part) && !shown.hidden(id) ? shown.get(id) : undefined;
      if (element) some = this.#painter.paint(context, element, grid.by, rough && rough()) || some;
    }
    return some;
  }

  #turn(context: CanvasRenderingContext2D, { column, row }: Square, { by, side }: Grid): void {
    context.setTransform(by, 0, 0, by, -column * side, -row * side);
  }

  /** Puts the sheet together: what was before, at its size, and the squares that are there. */
  #compose(grid: Grid, squares: boolean): void {
    const context = this.#context;
    this.#fit(grid);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    if (this.#before) {
      const { canvas, grid: old } = this.#before;
      const by = grid.by / old.by;
      const { width, height } = canvas;
      context.drawImage(canvas, old.left * by - grid.left, old.top * by - grid.top, width * by, height * by);
    }
    if (squares) for (const key of this.#tiles.keys()) this.#put(key, grid);
  }

  #put(key: string, grid: Grid): void {
    const tile = this.#tiles.get(key);
    if (!tile) return;
    const { x, y } = placeOf(tile.square, grid);
    if (x > grid.width || y > grid.height || x < -grid.side || y < -grid.side) return;
    this.#context.setTransform(1, 0, 0, 1, 0, 0);
    this.#context.clearRect(x, y, grid.side, grid.side);
    if (tile.canvas) this.#context.drawImage(tile.canvas, x, y);
  }

  /** Forgets squares that are out of sight, the oldest first. */
  #tidy(seen: Square[]): void {
    const most = seen.length * (1 + KEPT);
    if (this.#tiles.size <= most) return;
    const keys = new Set(seen.map(keyOf));
    for (const key of this.#tiles.keys()) {
      if (this.#tiles.size <= most) return;
      if (!keys.has(key)) this.#tiles.delete(key);
    }
  }

  /** Says whether the canvas was of this size already; else it is empty now. */
  #fit({ width, height }: Grid): boolean {
    const fits = this.#canvas.width === width && this.#canvas.height === height;
    if (!fits) [this.#canvas.width, this.#canvas.height] = [width, height];
    return fits;
  }
}

function contextOf(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const context = canvas.getContext('2d');
  if (!context) throw new Error('a canvas has a context');
  return context;
}

function squareOf(side: number): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [side, side];
  return canvas;
}

function copyOf(canvas: HTMLCanvasElement): HTMLCanvasElement {
  const copy = document.createElement('canvas');
  [copy.width, copy.height] = [canvas.width, canvas.height];
  copy.getContext('2d')?.drawImage(canvas, 0, 0);
  return copy;
}
