import { acknowledgement, HEADER_LENGTH, isEnd, parseHeader, type Header, type Size } from './header';
import type { Frame, FrameConsumer, FrameSource } from './source';

interface Stream {
  consumers: Set<FrameConsumer>;
  /** The latest picture, kept after it was drawn so that a view which appears later has one at once. */
  latest: Frame | undefined;
  /** The newest message that was not acknowledged yet. */
  owed: number | undefined;
  /** The newest message of all. */
  newest: number | undefined;
  /** What the other side heard last; `undefined` when that is not certain. */
  told: 'shown' | 'hidden' | undefined;
}

/** A view that comes back within this time, such as after a turned page, was never away; and the first pictures of
 *  somebody may come before their tile. */
const HIDE_MS = 500;
const NOT_SHOWN: Size = { width: 0, height: 0 };

/**
 * Hands each stream's latest picture to its consumers, once per animation frame, and acknowledges it only then. Of what
 * nobody looks at (another page of the stage, a hidden window) it is said once that it is shown on no pixels, so that the
 * engine asks the sender for nothing; what comes all the same is not acknowledged, so it ends after two pictures. A view
 * that comes says its size by the last number that there was. An acknowledgement covers all earlier messages of its
 * stream.
 *
 * Reading a message costs a `DataView` and a view on its bytes, no copy, so a worker would only add a hop: all the work
 * is in drawing, which happens where the canvas is.
 */
export class Streams implements FrameSource {
  readonly #streams = new Map<number, Stream>();
  readonly #due = new Set<number>();
  readonly #acknowledge: (message: ArrayBuffer) => void;
  readonly #onNextFrame: (callback: () => void) => void;
  readonly #after: (callback: () => void, ms: number) => void;
  #scheduled = false;

  constructor(
    acknowledge: (message: ArrayBuffer) => void,
    onNextFrame: (callback: () => void) => void = (callback) => requestAnimationFrame(callback),
    // Animation frames do not come in a hidden window, timers do.
    after: (callback: () => void, ms: number) => void = (callback, ms) => setTimeout(callback, ms),
  ) {
    this.#acknowledge = acknowledge;
    this.#onNextFrame = onNextFrame;
    this.#after = after;
  }

  attach(id: number, consumer: FrameConsumer): () => void {
    const stream = this.#stream(id);
    stream.consumers.add(consumer);
    if (stream.latest || stream.owed !== undefined || stream.told !== 'shown') this.#schedule(id);
    return () => {
      stream.consumers.delete(consumer);
      this.#hideSoon(id, stream);
    };
  }

  resized(id: number): void {
    const stream = this.#stream(id);
    if (stream.consumers.size === 0) return;
    stream.told = undefined;
    this.#schedule(id);
  }

  /** Takes one message from the socket. */
  receive(message: ArrayBuffer): void {
    const header = parseHeader(message);
    if (!header) return;
    const stream = this.#stream(header.stream);
    stream.owed = header.sequence;
    stream.newest = header.sequence;
    if (isEnd(header)) {
      stream.latest = undefined;
      this.#due.delete(header.stream);
      for (const consumer of stream.consumers) consumer.end();
      this.#settle(header.stream, stream);
    } else {
      stream.latest = frame(header, message);
      if (stream.consumers.size > 0) this.#schedule(header.stream);
      else this.#hideSoon(header.stream, stream);
    }
  }

  /** The connection was lost, and with it its debts and perhaps the last words. The other side numbers on. */
  forget(): void {
    for (const stream of this.#streams.values()) {
      stream.owed = undefined;
      stream.told = undefined;
    }
  }

  #stream(id: number): Stream {
    let stream = this.#streams.get(id);
    if (!stream) {
      stream = {
        consumers: new Set(),
        latest: undefined,
        owed: undefined,
        newest: undefined,
        told: undefined,
      };
      this.#streams.set(id, stream);
    }
    return stream;
  }

  #schedule(id: number): void {
    this.#due.add(id);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#onNextFrame(() => this.#draw());
  }

  #draw(): void {
    this.#scheduled = false;
    const due = [...this.#due];
    this.#due.clear();
    for (const id of due) {
      const stream = this.#stream(id);
      // A view that went away before its turn must leave the debt standing, or hidden streams would flow again.
      if (stream.consumers.size === 0) continue;
      if (stream.latest) for (const consumer of stream.consumers) consumer.draw(stream.latest);
      this.#settle(id, stream);
    }
  }

  #settle(id: number, stream: Stream): void {
    if (stream.owed === undefined && stream.told === 'shown') return;
    this.#say(id, stream, largest(stream.consumers));
  }

  #hideSoon(id: number, stream: Stream): void {
    if (stream.told === 'hidden' || stream.consumers.size > 0) return;
    this.#after(() => {
      if (stream.told !== 'hidden' && stream.consumers.size === 0) this.#say(id, stream, NOT_SHOWN);
    }, HIDE_MS);
  }

  #say(id: number, stream: Stream, size: Size): void {
    const number = stream.owed ?? stream.newest;
    if (number === undefined) return;
    this.#acknowledge(acknowledgement(id, number, size));
    stream.owed = undefined;
    stream.told = size.width === 0 || size.height === 0 ? 'hidden' : 'shown';
  }
}

function largest(consumers: Set<FrameConsumer>): Size {
  const sizes = [...consumers].map((consumer) => consumer.size());
  return {
    width: Math.max(0, ...sizes.map(({ width }) => width)),
    height: Math.max(0, ...sizes.map(({ height }) => height)),
  };
}

function frame(header: Header, message: ArrayBuffer): Frame {
  const { width, height, own, captureMicros } = header;
  return { width, height, own, captureMicros, data: new Uint8Array(message, HEADER_LENGTH) };
}
