import type { Size } from '../layout/grid';

/** How a shared screen lies in its place: so many times as large as when it fits, with its upper left corner there. */
export interface Zoom {
  scale: number;
  x: number;
  y: number;
}

/** The whole of it. */
export const FIT: Zoom = { scale: 1, x: 0, y: 0 };

/** Closer nobody needs to look. */
const MOST = 8;
/**
 * What is no larger than its place is shown so many times as large: a screen is sent at half its size while nobody shows more, and
 * all of it comes with the first look at it closely.
 */
const CLOSELY = 2;
/** A notch of the wheel. */
export const NOTCH = 1.2;

/** At which scale one pixel of the picture is one of the screen; 1 for what is no larger than its place. */
function actualSize(picture: Size, place: Size, ratio: number): number {
  const fitted = Math.min(place.width / picture.width, place.height / picture.height) * ratio;
  return Number.isFinite(fitted) && fitted > 0 ? Math.max(1, 1 / fitted) : 1;
}

/** At the scale at which one pixel of the picture is one of the screen, about the middle. */
export function closely(picture: Size | undefined, place: Size, ratio: number): Zoom {
  const actual = picture ? actualSize(picture, place, ratio) : 1;
  const middle = { x: place.width / 2, y: place.height / 2 };
  return zoomTo(FIT, actual > 1.01 ? actual : CLOSELY, middle, place);
}

/** At another scale; what lies at `at` stays there. */
export function zoomTo(zoom: Zoom, scale: number, at: { x: number; y: number }, place: Size): Zoom {
  const next = Math.min(MOST, Math.max(1, scale));
  const by = next / zoom.scale;
  return within({ scale: next, x: at.x - (at.x - zoom.x) * by, y: at.y - (at.y - zoom.y) * by }, place);
}

export function pan(zoom: Zoom, x: number, y: number, place: Size): Zoom {
  return within({ ...zoom, x: zoom.x + x, y: zoom.y + y }, place);
}

/** Never so that its place shows what is beside it. */
export function within({ scale, x, y }: Zoom, { width, height }: Size): Zoom {
  const inside = (value: number, size: number) => Math.min(0, Math.max(size * (1 - scale), value));
  return { scale, x: inside(x, width), y: inside(y, height) };
}
