import type { BoardElement, BoardKind, BoardStyle } from '../../core/core';
import { head, isStroke, stretch } from '../../state/board/element';
import { boxOf } from '../../state/board/geometry';
import { isEven, outline, trace } from '../../state/board/stroke';
import { wrap, type Measure } from '../../state/board/text';
import { CORNER, LINE_HEIGHT, PADDING } from '../../state/board/tools';

/** How much of a marker’s colour there is; what is below shines through. */
const MARKER_ALPHA = 0.4;
/** Texts whose lines are remembered. */
const LAYOUTS = 400;
/** Letters smaller than this, in pixels of the screen, are drawn as bars: nobody can read them. */
const READABLE = 3;

type Context = CanvasRenderingContext2D;

/** The picture of a hash; `undefined` while it is not here. */
export type PictureOf = (hash: string, width: number) => CanvasImageSource | undefined;

interface Cached {
  path: Path2D;
  sx: number;
  sy: number;
  width: number;
  /** Whether it is the outline of a pen that was pressed unevenly; else the line in the middle. */
  outlined: boolean;
}

/** Draws what is on the board. The context has the board’s lengths; paths and lines of text are remembered. */
export class Painter {
  /** By the points: moving a stroke makes a new element with the same ones. */
  readonly #paths = new WeakMap<readonly number[], Cached>();
  readonly #even = new WeakMap<readonly number[], boolean>();
  readonly #layouts = new Map<string, string[]>();
  readonly #font: string;
  readonly #pictureOf: PictureOf;
  readonly measure: Measure;

  constructor(font: string, pictureOf: PictureOf) {
    this.#font = font;
    this.#pictureOf = pictureOf;
    const context = document.createElement('canvas').getContext('2d');
    this.measure = (text, size) => {
      if (!context) return text.length * size * 0.5;
      // At one size, in whole pixels: other sizes are in proportion, and so are the lines for everybody.
      context.font = `100px ${font}`;
      return (context.measureText(text).width * size) / 100;
    };
  }

  /** `scale`: pixels of the screen for one of the board’s lengths. */
  paint(context: Context, element: BoardElement, scale: number): void {
    const { kind, style, frame } = element;
    switch (kind) {
      case 'pen':
      case 'marker':
      case 'laser':
        return this.#stroke(context, element, scale);
      case 'line':
      case 'arrow':
        return this.#line(context, element);
      case 'rectangle':
      case 'ellipse':
        return this.#shape(context, kind, boxOf(frame), style);
      case 'text':
        return this.#text(
          context,
          element.text,
          boxOf(frame).x,
          boxOf(frame).y,
          boxOf(frame).width,
          style,
          scale,
        );
      case 'note':
        return this.#note(context, element, scale);
      case 'picture':
        return this.#picture(context, element, scale);
      case 'page':
        return;
    }
  }

  /** A stroke that is not finished. Its points grow, so nothing of it is remembered; of a shape they are two corners. */
  paintLive(context: Context, kind: BoardKind, style: BoardStyle, points: readonly number[]): void {
    const [x = 0, y = 0, , toX = x, toY = y] = points;
    const frame: BoardElement['frame'] = [x, y, toX - x, toY - y];
    if (kind === 'line' || kind === 'arrow') this.#line(context, { kind, frame, style });
    else if (kind === 'rectangle' || kind === 'ellipse') this.#shape(context, kind, boxOf(frame), style);
    else if (isStroke(kind)) {
      const path = new Path2D();
      const outlined = kind === 'pen' && !isEven(points);
      if (outlined) outline(path, points, style.width);
      else trace(path, points);
      this.#strokePath(context, kind, path, style, outlined);
    }
  }

  #stroke(context: Context, element: BoardElement, scale: number): void {
    const { frame, kind, style } = element;
    const { path, outlined } = this.#cached(element, scale);
    context.translate(frame[0], frame[1]);
    this.#strokePath(context, kind, path, style, outlined);
    context.translate(-frame[0], -frame[1]);
  }

  #cached(element: BoardElement, scale: number): Cached {
    const { points, kind, style } = element;
    const [sx, sy] = stretch(element);
    const { width } = style;
    const before = this.#paths.get(points);
    // Of what is hardly larger than a pixel nobody sees how hard it was pressed.
    const wanted = kind === 'pen' && width * scale > 1 && !this.#isEven(points);
    const same = before?.sx === sx && before.sy === sy && before.width === width;
    if (before && same && (before.outlined || !wanted)) return before;
    const path = new Path2D();
    if (wanted) outline(path, points, width, sx, sy);
    else trace(path, points, sx, sy);
    const made = { path, sx, sy, width, outlined: wanted };
    this.#paths.set(points, made);
    return made;
  }

  #isEven(points: readonly number[]): boolean {
    let even = this.#even.get(points);
    if (even === undefined) {
      even = isEven(points);
      this.#even.set(points, even);
    }
    return even;
  }

  #strokePath(context: Context, kind: BoardKind, path: Path2D, style: BoardStyle, outlined: boolean): void {
    if (outlined) {
      context.fillStyle = style.color;
      context.fill(path);
      return;
    }
    context.strokeStyle = style.color;
    context.lineWidth = style.width;
    context.lineCap = 'round';
    context.lineJoin = 'round';
    if (kind !== 'marker') return context.stroke(path);
    const alpha = context.globalAlpha;
    context.globalAlpha = alpha * MARKER_ALPHA;
    context.globalCompositeOperation = 'multiply';
    context.stroke(path);
    context.globalCompositeOperation = 'source-over';
    context.globalAlpha = alpha;
  }

  #line(context: Context, element: Pick<BoardElement, 'kind' | 'frame' | 'style'>): void {
    const { kind, frame, style } = element;
    const [x, y, width, height] = frame;
    context.strokeStyle = style.color;
    context.lineWidth = style.width;
    context.lineCap = 'round';
    context.lineJoin = 'round';
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(x + width, y + height);
    if (kind === 'arrow' && (width !== 0 || height !== 0)) {
      const [one, tip, other] = head(element);
      context.moveTo(one.x, one.y);
      context.lineTo(tip.x, tip.y);
      context.lineTo(other.x, other.y);
    }
    context.stroke();
  }

  #shape(
    context: Context,
    kind: 'rectangle' | 'ellipse',
    { x, y, width, height }: ReturnType<typeof boxOf>,
    style: BoardStyle,
  ): void {
    context.beginPath();
    if (kind === 'rectangle') context.rect(x, y, width, height);
    else context.ellipse(x + width / 2, y + height / 2, width / 2, height / 2, 0, 0, 2 * Math.PI);
    if (style.fill !== null) {
      context.fillStyle = style.fill;
      context.fill();
    }
    context.strokeStyle = style.color;
    context.lineWidth = style.width;
    context.lineJoin = 'round';
    context.stroke();
  }

  #note(context: Context, { frame, style, text }: BoardElement, scale: number): void {
    const { x, y, width, height } = boxOf(frame);
    context.fillStyle = style.fill ?? '#ffffff';
    context.beginPath();
    rounded(context, x, y, width, height, CORNER);
    context.fill();
    context.strokeStyle = 'rgb(0 0 0 / 16%)';
    context.lineWidth = 10;
    context.stroke();
    context.save();
    context.clip();
    this.#text(context, text, x + PADDING, y + PADDING, width - 2 * PADDING, style, scale);
    context.restore();
  }

  #text(
    context: Context,
    text: string,
    x: number,
    y: number,
    width: number,
    style: BoardStyle,
    scale: number,
  ): void {
    if (text === '') return;
    const { size } = style;
    const lines = this.#lines(text, Math.max(size, width), size);
    context.fillStyle = style.color;
    if (size * scale < READABLE) {
      const alpha = context.globalAlpha;
      context.globalAlpha = alpha * 0.5;
      lines.forEach((line, at) => {
        const wide = Math.min(width, line.length * size * 0.5);
        context.fillRect(x, y + (at + 0.4) * size * LINE_HEIGHT, wide, size * 0.3);
      });
      context.globalAlpha = alpha;
      return;
    }
    context.font = `${size}px ${this.#font}`;
    context.textBaseline = 'alphabetic';
    // As a browser places it: the letters in the middle of their line.
    const base = size * (0.5 * LINE_HEIGHT + 0.34);
    lines.forEach((line, at) => context.fillText(line, x, y + at * size * LINE_HEIGHT + base));
  }

  #lines(text: string, width: number, size: number): string[] {
    const key = `${width} ${size} ${text}`;
    let lines = this.#layouts.get(key);
    if (!lines) {
      lines = wrap(text, width, size, this.measure);
      const [oldest] = this.#layouts.keys();
      if (this.#layouts.size >= LAYOUTS && oldest !== undefined) this.#layouts.delete(oldest);
      this.#layouts.set(key, lines);
    }
    return lines;
  }

  #picture(context: Context, { frame, picture }: BoardElement, scale: number): void {
    const { x, y, width, height } = boxOf(frame);
    const image = picture ? this.#pictureOf(picture.hash, width * scale) : undefined;
    if (!image) {
      context.fillStyle = '#dfe4e2';
      context.fillRect(x, y, width, height);
      return;
    }
    context.save();
    context.translate(frame[2] < 0 ? x + width : x, frame[3] < 0 ? y + height : y);
    context.scale(Math.sign(frame[2] || 1), Math.sign(frame[3] || 1));
    context.drawImage(image, 0, 0, width, height);
    context.restore();
  }
}

function rounded(context: Context, x: number, y: number, width: number, height: number, most: number): void {
  const radius = Math.min(most, width / 2, height / 2);
  context.moveTo(x + radius, y);
  context.arcTo(x + width, y, x + width, y + height, radius);
  context.arcTo(x + width, y + height, x, y + height, radius);
  context.arcTo(x, y + height, x, y, radius);
  context.arcTo(x, y, x + width, y, radius);
  context.closePath();
}
