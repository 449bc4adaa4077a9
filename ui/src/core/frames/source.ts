import type { Size } from './header';

/** A picture as I420, tightly packed; one of no size says that the window draws pictures of its `own` size itself. */
export interface Frame {
  width: number;
  height: number;
  /** Its size before it was scaled to where it is shown. */
  own: Size;
  /** Y, then U, then V. */
  data: Uint8Array;
  captureMicros: number;
}

/** Shows one stream. */
export interface FrameConsumer {
  /** Called once per animation frame at most, with the latest picture. */
  draw(frame: Frame): void;
  /** The stream shows nothing more, until the next `draw`. */
  end(): void;
  /** On how many of the screen's pixels. */
  size(): Size;
}

/** Where pictures come from. */
export interface FrameSource {
  /** Shows `stream` with `consumer` until the function that it returns is called. */
  attach(stream: number, consumer: FrameConsumer): () => void;
  /** A consumer of `stream` shows it at another size: said also when no picture comes, as of a screen that stands still. */
  resized(stream: number): void;
}
