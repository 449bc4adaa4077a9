import { boxOf, type Box, type Point } from './geometry';

/** What part of the board is looked at, and how large: pure, from the board’s lengths to CSS pixels and back. */
export interface Camera extends Point {
  /** The board’s point at the upper left corner of the view is (x, y). 1 is 100%. */
  zoom: number;
}

export interface View {
  width: number;
  height: number;
}

/** Tenths of a pixel at 100%. */
export const UNIT = 10;
export const MIN_ZOOM = 0.1;
export const MAX_ZOOM = 8;
/** A press on + or -. */
export const ZOOM_STEP = 1.25;
/** As far as the protocol lets anything be from the middle, in the board’s lengths. */
export const LIMIT = 1_000_000;
/** What lies over the view's edges, in CSS pixels: nothing is fitted below it. */
export interface Inset {
  top: number;
  right: number;
  bottom: number;
  left: number;
}

/** CSS pixels for a length of the board. */
export function scale({ zoom }: Camera): number {
  return zoom / UNIT;
}

export function toBoard(camera: Camera, { x, y }: Point): Point {
  const by = scale(camera);
  return { x: camera.x + x / by, y: camera.y + y / by };
}

export function toView(camera: Camera, { x, y }: Point): Point {
  const by = scale(camera);
  return { x: (x - camera.x) * by, y: (y - camera.y) * by };
}

/** The part of the board that a view shows. */
export function seen(camera: Camera, { width, height }: View): Box {
  const by = scale(camera);
  return boxOf([camera.x, camera.y, width / by, height / by]);
}

/** Moves what is seen by so many CSS pixels, as a hand moves a sheet. */
export function panned(camera: Camera, dx: number, dy: number): Camera {
  const by = scale(camera);
  return kept({ ...camera, x: camera.x - dx / by, y: camera.y - dy / by });
}

/** Changes the size; what is at `point` of the view stays there. */
export function zoomed(camera: Camera, point: Point, factor: number): Camera {
  const zoom = Math.min(MAX_ZOOM, Math.max(MIN_ZOOM, camera.zoom * factor));
  const fixed = toBoard(camera, point);
  const by = zoom / UNIT;
  return kept({ zoom, x: fixed.x - point.x / by, y: fixed.y - point.y / by });
}

/** Two fingers: what was between them stays between them. */
export function pinched(camera: Camera, from: readonly [Point, Point], to: readonly [Point, Point]): Camera {
  const between = ([a, b]: readonly [Point, Point]) => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
  const apart = ([a, b]: readonly [Point, Point]) => Math.hypot(a.x - b.x, a.y - b.y);
  const before = between(from);
  const after = between(to);
  const factor = apart(from) > 0 ? apart(to) / apart(from) : 1;
  return zoomed(panned(camera, after.x - before.x, after.y - before.y), after, factor || 1);
}

/** Shows all of a box, at 100% at most. */
export function fitted(box: Box, view: View, inset: Inset): Camera {
  const room = {
    width: Math.max(1, view.width - inset.left - inset.right),
    height: Math.max(1, view.height - inset.top - inset.bottom),
  };
  const most = Math.min(
    (room.width * UNIT) / Math.max(1, box.width),
    (room.height * UNIT) / Math.max(1, box.height),
    1,
  );
  const zoom = Math.max(MIN_ZOOM, most);
  const by = zoom / UNIT;
  return kept({
    zoom,
    x: box.x + box.width / 2 - (inset.left + room.width / 2) / by,
    y: box.y + box.height / 2 - (inset.top + room.height / 2) / by,
  });
}

/** Nobody gets lost where nothing can be drawn. */
function kept({ x, y, zoom }: Camera): Camera {
  const within = (value: number) => Math.min(LIMIT, Math.max(-LIMIT, value));
  return { x: within(x), y: within(y), zoom };
}
