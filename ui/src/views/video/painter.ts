import type { Frame, FrameConsumer } from '../../core/core';
import { PlainRenderer, VideoFrameRenderer } from './canvas2d';
import { RendererChooser, type Choice } from './chooser';
import type { Renderer, RendererKind } from './renderer';
import { WebGlRenderer } from './webgl';

/** All pictures of the window are drawn the same way, so what one learns serves the others. */
const shared = new RendererChooser(
  'VideoFrame' in globalThis ? ['webgl', 'video-frame'] : ['webgl', 'plain'],
);

function create(kind: RendererKind): Renderer {
  switch (kind) {
    case 'webgl':
      return new WebGlRenderer();
    case 'video-frame':
      return new VideoFrameRenderer();
    case 'plain':
      return new PlainRenderer();
  }
}

/** Draws one stream into a host element, with a canvas that is replaced when another way of drawing is chosen. */
export class Painter implements FrameConsumer {
  readonly #host: HTMLElement;
  readonly #dress: (canvas: HTMLCanvasElement) => void;
  readonly #onPicture: (size: { width: number; height: number } | undefined) => void;
  readonly #drawn: () => { width: number; height: number };
  #renderer: Renderer | undefined;
  #choice: Choice | undefined;
  #size = '';
  #frames = 0;

  /**
   * `dress` gives every new canvas its attributes; `onPicture` hears the picture's size, and when there is none; `drawn`
   * tells how large it is shown, in CSS pixels, with what of it is cut off.
   */
  constructor(
    host: HTMLElement,
    dress: (canvas: HTMLCanvasElement) => void,
    onPicture: (size: { width: number; height: number } | undefined) => void,
    drawn: () => { width: number; height: number },
  ) {
    this.#host = host;
    this.#dress = dress;
    this.#onPicture = onPicture;
    this.#drawn = drawn;
  }

  draw(frame: Frame): void {
    // Every failure strikes one of the three ways off the list.
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const { choice } = shared;
      try {
        this.#drawWith(choice, frame);
        break;
      } catch {
        shared.fail(choice.kind);
      }
    }
    this.#frames += 1;
    // For window tests: whether pictures flow can be seen without comparing screenshots.
    this.#renderer?.canvas.setAttribute('data-frames', String(this.#frames));
    const size = `${frame.own.width}x${frame.own.height}`;
    if (size !== this.#size) {
      this.#size = size;
      this.#onPicture(frame.own);
    }
  }

  #drawWith(choice: Choice, frame: Frame): void {
    let renderer = this.#renderer;
    if (!renderer || this.#choice?.generation !== choice.generation) {
      renderer = create(choice.kind);
      this.#dress(renderer.canvas);
      renderer.canvas.setAttribute('data-renderer', choice.kind);
    }
    const start = performance.now();
    renderer.draw(frame);
    if (choice.measuring) {
      renderer.finish();
      shared.record(choice, performance.now() - start, frame.width * frame.height);
    } else {
      shared.count();
    }
    if (renderer === this.#renderer) return;
    // Drawn before it is shown, so that the change cannot be seen.
    this.#host.replaceChildren(renderer.canvas);
    this.#renderer?.dispose();
    this.#renderer = renderer;
    this.#choice = choice;
  }

  end(): void {
    this.#size = '';
    this.dispose();
    this.#onPicture(undefined);
  }

  size(): { width: number; height: number } {
    const { width, height } = this.#drawn();
    return { width: Math.ceil(width * devicePixelRatio), height: Math.ceil(height * devicePixelRatio) };
  }

  dispose(): void {
    this.#host.replaceChildren();
    this.#renderer?.dispose();
    this.#renderer = undefined;
    this.#choice = undefined;
  }
}
