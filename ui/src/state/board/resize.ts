import type { BoardElement } from '../../core/core';
import { isLine, isWritten } from './element';
import { boxOf, type Box, type Frame, type Point } from './geometry';

/** Where a box is taken hold of, as on a map: n is its upper edge. A line’s ends are `from` and `to`. */
export const HANDLES = ['nw', 'n', 'ne', 'e', 'se', 's', 'sw', 'w'] as const;
export type Handle = (typeof HANDLES)[number] | 'from' | 'to';

/** Nothing becomes smaller than a pixel, so that it can be made larger again. */
const LEAST = 10;

/** Where the handles of what is chosen are. */
export function handles(chosen: readonly BoardElement[], box: Box): { handle: Handle; at: Point }[] {
  const [only] = chosen;
  if (only && chosen.length === 1 && isLine(only.kind)) {
    const [x, y, width, height] = only.frame;
    return [
      { handle: 'from', at: { x, y } },
      { handle: 'to', at: { x: x + width, y: y + height } },
    ];
  }
  // Text is as high as what it says: only its width is pulled.
  const few = only && chosen.length === 1 && only.kind === 'text';
  return HANDLES.filter((handle) => !few || handle === 'e' || handle === 'w').map((handle) => ({
    handle,
    at: placeOf(handle, box),
  }));
}

function placeOf(handle: (typeof HANDLES)[number], { x, y, width, height }: Box): Point {
  const across = handle.includes('w') ? 0 : handle.includes('e') ? 1 : 0.5;
  const down = handle.startsWith('n') ? 0 : handle.startsWith('s') ? 1 : 0.5;
  return { x: x + width * across, y: y + height * down };
}

/** What becomes of a box whose handle is pulled to a point; `keep`: its sides keep their relation. */
export function pulled(box: Box, handle: (typeof HANDLES)[number], to: Point, keep: boolean): Frame {
  let left = box.x;
  let top = box.y;
  let right = box.x + box.width;
  let bottom = box.y + box.height;
  if (handle.includes('w')) left = to.x;
  if (handle.includes('e')) right = to.x;
  if (handle.startsWith('n')) top = to.y;
  if (handle.startsWith('s')) bottom = to.y;
  if (keep && handle.length === 2 && box.width > 0 && box.height > 0) {
    const by = Math.max(Math.abs(right - left) / box.width, Math.abs(bottom - top) / box.height);
    const width = box.width * by * (right < left ? -1 : 1);
    const height = box.height * by * (bottom < top ? -1 : 1);
    if (handle.includes('w')) left = right - width;
    else right = left + width;
    if (handle.startsWith('n')) top = bottom - height;
    else bottom = top + height;
  }
  return [left, top, right - left, bottom - top];
}

/** A frame as it is when the box that it was chosen in becomes another one. A negative side mirrors. */
export function mapped(element: BoardElement, from: Box, to: Frame): Frame {
  const [x, y, width, height] = element.frame;
  const sx = from.width === 0 ? 1 : least(to[2]) / from.width;
  const sy = from.height === 0 ? 1 : least(to[3]) / from.height;
  const made: Frame = [
    Math.round(to[0] + (x - from.x) * sx),
    Math.round(to[1] + (y - from.y) * sy),
    Math.round(width * sx),
    Math.round(height * sy),
  ];
  // Nobody wants to read a mirrored text.
  return isWritten(element.kind) ? (Object.values(boxOf(made)) as Frame) : made;
}

/** An end of a line that is pulled to a point. */
export function endPulled({ frame }: BoardElement, end: 'from' | 'to', to: Point): Frame {
  const [x, y, width, height] = frame;
  const at = { x: Math.round(to.x), y: Math.round(to.y) };
  return end === 'to' ? [x, y, at.x - x, at.y - y] : [at.x, at.y, x + width - at.x, y + height - at.y];
}

function least(side: number): number {
  return Math.abs(side) < LEAST ? Math.sign(side || 1) * LEAST : side;
}

export function movedBy([x, y, width, height]: Frame, dx: number, dy: number): Frame {
  return [Math.round(x + dx), Math.round(y + dy), width, height];
}
