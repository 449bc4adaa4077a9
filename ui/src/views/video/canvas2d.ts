import type { Frame } from '../../core/core';
import { chroma } from '../../core/frames/header';
import { resize, type Renderer } from './renderer';

abstract class Canvas2d implements Renderer {
  readonly canvas = document.createElement('canvas');
  protected readonly context: CanvasRenderingContext2D;

  constructor() {
    const context = this.canvas.getContext('2d', { alpha: false });
    if (!context) throw new Error('no 2D canvas');
    this.context = context;
  }

  abstract draw(frame: Frame): void;

  finish(): void {
    this.context.getImageData(0, 0, 1, 1);
  }

  dispose(): void {
    // Frees the pixels now and not at the next garbage collection.
    this.canvas.width = 0;
  }
}

/** The engine's own converter: the fastest where everything is drawn in software. */
export class VideoFrameRenderer extends Canvas2d {
  draw(frame: Frame): void {
    const picture = new VideoFrame(frame.data, {
      format: 'I420',
      codedWidth: frame.width,
      codedHeight: frame.height,
      timestamp: frame.captureMicros,
      // BT.601, limited range.
      colorSpace: { matrix: 'smpte170m', primaries: 'smpte170m', transfer: 'smpte170m', fullRange: false },
    });
    try {
      resize(this.canvas, frame);
      this.context.drawImage(picture, 0, 0);
    } finally {
      picture.close();
    }
  }
}

/** Converts in JavaScript: works everywhere. */
export class PlainRenderer extends Canvas2d {
  #image: ImageData | undefined;

  draw(frame: Frame): void {
    if (resize(this.canvas, frame) || !this.#image) {
      this.#image = this.context.createImageData(frame.width, frame.height);
    }
    toRgba(frame, this.#image.data);
    this.context.putImageData(this.#image, 0, 0);
  }
}

/** BT.601, limited range, in 16.16 fixed point: 255/219 for Y, and the matrix times 255/224 for U and V. */
const Y = 76_309;
const V_RED = 104_597;
const U_GREEN = 25_675;
const V_GREEN = 53_279;
const U_BLUE = 132_201;
/** So that the shift rounds. */
const HALF = 32_768;

/** `rgba` is clamped, so sums outside 0 to 255 need no care. */
export function toRgba({ width, height, data }: Frame, rgba: Uint8ClampedArray): void {
  const columns = chroma(width);
  const uStart = width * height;
  const vStart = uStart + columns * chroma(height);
  let to = 0;
  for (let row = 0; row < height; row += 1) {
    const chromaRow = (row >> 1) * columns;
    const lumaRow = row * width;
    for (let column = 0; column < width; column += 1) {
      const at = chromaRow + (column >> 1);
      const y = ((data[lumaRow + column] ?? 0) - 16) * Y + HALF;
      const u = (data[uStart + at] ?? 0) - 128;
      const v = (data[vStart + at] ?? 0) - 128;
      rgba[to] = (y + V_RED * v) >> 16;
      rgba[to + 1] = (y - U_GREEN * u - V_GREEN * v) >> 16;
      rgba[to + 2] = (y + U_BLUE * u) >> 16;
      rgba[to + 3] = 255;
      to += 4;
    }
  }
}
