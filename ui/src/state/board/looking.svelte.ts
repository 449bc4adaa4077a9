import { fitted, panned, pinched, seen, zoomed, type Camera, type View } from './camera';
import type { Box, Point } from './geometry';

/** The tools stand at the left; in a view that is lower than this, below (`BoardRail`). The rest is above. */
const LOW = 480;
const INSET = { top: 64, right: 28, bottom: 28, left: 76 };
const LOW_INSET = { top: 52, right: 16, bottom: 56, left: 16 };

/** What part of the board is looked at. */
export class Looking {
  camera = $state.raw<Camera>({ x: 0, y: 0, zoom: 1 });
  view = $state.raw<View>({ width: 0, height: 0 });
  /** Whether all of the page is shown, and nobody has moved it since. */
  #fits = false;
  readonly #all: () => Box | undefined;

  /** `all`: around everything on the page; `undefined` of an empty one. */
  constructor(all: () => Box | undefined) {
    this.#all = all;
  }

  /** The part of the board that is seen. */
  get part(): Box {
    return seen(this.camera, this.view);
  }

  set(camera: Camera): void {
    this.#fits = false;
    this.camera = camera;
  }

  resized(view: View): void {
    const before = this.view;
    this.view = view;
    // Whoever has not moved it yet sees all of it; else what was in the middle stays there.
    if (this.#fits || before.width === 0 || before.height === 0) this.fit();
    else
      this.camera = panned(this.camera, (view.width - before.width) / 2, (view.height - before.height) / 2);
  }

  /** All that is on the page; of an empty one the middle of the board. */
  fit(): void {
    if (this.view.width === 0 || this.view.height === 0) return;
    this.#fits = true;
    const all = this.#all() ?? { x: 0, y: 0, width: 0, height: 0 };
    this.camera = fitted(all, this.view, this.view.height > LOW ? INSET : LOW_INSET);
  }

  zoom(factor: number, at: Point = { x: this.view.width / 2, y: this.view.height / 2 }): void {
    this.set(zoomed(this.camera, at, factor));
  }

  zoomTo(zoom: number): void {
    this.zoom(zoom / this.camera.zoom);
  }

  pan(dx: number, dy: number): void {
    this.set(panned(this.camera, dx, dy));
  }

  pinch(from: readonly [Point, Point], to: readonly [Point, Point]): void {
    this.set(pinched(this.camera, from, to));
  }

  /** Brings a place into the middle, unless it is seen. */
  bring({ x, y }: Point): void {
    const part = this.part;
    const inside = x > part.x && x < part.x + part.width && y > part.y && y < part.y + part.height;
    if (!inside) this.set({ ...this.camera, x: x - part.width / 2, y: y - part.height / 2 });
  }
}
