import { acknowledgement, HEADER_LENGTH, isEnd, parseHeader, type Header, type Size } from './header';
import type { Frame, FrameConsumer, FrameSource } from './source';

interface Stream {
  consumers: Set<FrameConsumer>;
  /** The latest picture, kept after it was drawn so that a view which appears later has one at once. */
  latest: Frame | undefined;
  /** The newest message that was not acknowledged yet. */
  owed: number | undefined;
}

/**
 * Hands each stream's latest picture to its consumers, once per animation frame, and acknowledges it only then. What
 * nobody looks at (no view, a hidden window) is not acknowledged, so Rust stops sending it after two pictures; an
 * acknowledgement covers all earlier messages of its stream.
 *
 * Reading a message costs a `DataView` and a view on its bytes, no copy, so a worker would only add a hop: all the work
 * is in drawing, which happens where the canvas is.
 */
export class Streams implements FrameSource {
  readonly #streams = new Map<number, Stream>();
  readonly #due = new Set<number>();
  readonly #acknowledge: (message: ArrayBuffer) => void;
  readonly #onNextFrame: (callback: () => void) => void;
  #scheduled = false;

  constructor(
    acknowledge: (message: ArrayBuffer) => void,
    onNextFrame: (callback: () => void) => void = (callback) => requestAnimationFrame(callback),
  ) {
    this.#acknowledge = acknowledge;
    this.#onNextFrame = onNextFrame;
  }

  attach(id: number, consumer: FrameConsumer): () => void {
    const stream = this.#stream(id);
    stream.consumers.add(consumer);
    if (stream.latest || stream.owed !== undefined) this.#schedule(id);
    return () => stream.consumers.delete(consumer);
  }

  /** Takes one message from the socket. */
  receive(message: ArrayBuffer): void {
    const header = parseHeader(message);
    if (!header) return;
    const stream = this.#stream(header.stream);
    stream.owed = header.sequence;
    if (isEnd(header)) {
      stream.latest = undefined;
      this.#due.delete(header.stream);
      for (const consumer of stream.consumers) consumer.end();
      this.#settle(header.stream, stream);
    } else {
      stream.latest = frame(header, message);
      if (stream.consumers.size > 0) this.#schedule(header.stream);
    }
  }

  /** The connection was lost: its debts are void, and the next one may number anew. */
  forget(): void {
    for (const stream of this.#streams.values()) stream.owed = undefined;
  }

  #stream(id: number): Stream {
    let stream = this.#streams.get(id);
    if (!stream) {
      stream = { consumers: new Set(), latest: undefined, owed: undefined };
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
    if (stream.owed === undefined) return;
    this.#acknowledge(acknowledgement(id, stream.owed, largest(stream.consumers)));
    stream.owed = undefined;
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
  const { width, height, captureMicros } = header;
  return { width, height, captureMicros, data: new Uint8Array(message, HEADER_LENGTH) };
}
