import type { Frame } from '../../core/core';

/** Ways to get a picture into a canvas; which one is fast, only measuring tells. */
export type RendererKind = 'webgl' | 'video-frame' | 'plain';

export interface Renderer {
  readonly canvas: HTMLCanvasElement;
  /** Throws when this way does not work here. */
  draw(frame: Frame): void;
  /** Waits until what was drawn is in the canvas: drawing only queues work, and queueing is always fast. */
  finish(): void;
  dispose(): void;
}

/** Gives the canvas the picture's size; how large it appears is the style sheet's, which keeps the aspect. */
export function resize(canvas: HTMLCanvasElement, { width, height }: Frame): boolean {
  if (canvas.width === width && canvas.height === height) return false;
  canvas.width = width;
  canvas.height = height;
  return true;
}
