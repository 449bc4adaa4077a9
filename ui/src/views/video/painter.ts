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

/** So long the page's last picture stays below the window's first one: nobody sees a gap between them. */
const TAKING_OVER_MS = 400;

/** Draws one stream into a host element, with a canvas that is replaced when another way of drawing is chosen. */
export class Painter implements FrameConsumer {
  readonly #host: HTMLElement;
  readonly #dress: (canvas: HTMLCanvasElement) => void;
  readonly #onPicture: (size: { width: number; height: number } | undefined) => void;
  readonly #drawn: () => { width: number; height: number };
  #renderer: Renderer | undefined;
  /** Stands for what the window draws. */
  #stand: HTMLCanvasElement | undefined;
  #takingOver: ReturnType<typeof setTimeout> | undefined;
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
    clearTimeout(this.#takingOver);
    if (frame.width === 0) this.#leave(frame);
    else this.#draw(frame);
    const size = `${frame.own.width}x${frame.own.height}`;
    if (size !== this.#size) {
      this.#size = size;
      this.#onPicture(frame.own);
    }
  }

  /** The window draws: what stands here says where, and what it is. */
  #leave({ own }: Frame): void {
    if (this.#stand) {
      this.#dimension(this.#stand, own);
      return;
    }
    const stand = document.createElement('canvas');
    this.#dress(stand);
    stand.setAttribute('data-renderer', 'native');
    this.#dimension(stand, own);
    const change = () => {
      this.#host.replaceChildren(stand);
      this.#renderer?.dispose();
      this.#renderer = undefined;
      this.#choice = undefined;
      this.#stand = stand;
    };
    if (this.#renderer) this.#takingOver = setTimeout(change, TAKING_OVER_MS);
    else change();
  }

  /** Attributes only: without a context there are no pixels. */
  #dimension(stand: HTMLCanvasElement, { width, height }: { width: number; height: number }): void {
    stand.setAttribute('width', String(width));
    stand.setAttribute('height', String(height));
  }

  #draw(frame: Frame): void {
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
    this.#stand = undefined;
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
    clearTimeout(this.#takingOver);
    this.#host.replaceChildren();
    this.#stand = undefined;
    this.#renderer?.dispose();
    this.#renderer = undefined;
    this.#choice = undefined;
  }
}
