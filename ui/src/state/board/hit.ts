import type { BoardElement } from '../../core/core';
import { extent, head, isClosed, isLine, isStroke, stretch } from './element';
import { boxOf, crosses, distance2, grown, holds, overlap, type Box, type Point } from './geometry';

/** Calls back with every segment of what has a line, on the board; stops when it says so. Says whether it did. */
function segments(
  element: BoardElement,
  found: (ax: number, ay: number, bx: number, by: number) => boolean,
): boolean {
  const { kind, frame, points } = element;
  const [x, y, width, height] = frame;
  if (isStroke(kind)) {
    const [sx, sy] = stretch(element);
    let ax = 0;
    let ay = 0;
    for (let at = 0; at + 2 < points.length; at += 3) {
      const bx = x + (points[at] ?? 0) * sx;
      const by = y + (points[at + 1] ?? 0) * sy;
      // A dot has a beginning and no more.
      if (at === 0 ? points.length < 6 && found(bx, by, bx, by) : found(ax, ay, bx, by)) return true;
      ax = bx;
      ay = by;
    }
    return false;
  }
  if (isLine(kind)) {
    if (found(x, y, x + width, y + height)) return true;
    if (kind === 'line') return false;
    const [one, tip, other] = head(element);
    return found(one.x, one.y, tip.x, tip.y) || found(tip.x, tip.y, other.x, other.y);
  }
  const corners =
    kind === 'ellipse'
      ? ring(boxOf(frame))
      : ([
          [x, y],
          [x + width, y],
          [x + width, y + height],
          [x, y + height],
        ] as const);
  return corners.some(([ax, ay], at) => {
    const [bx, by] = corners[(at + 1) % corners.length] ?? [ax, ay];
    return found(ax, ay, bx, by);
  });
}

/** So many corners that the polygon is nowhere further than a two-hundredth of the radius from the ellipse. */
const RING = 32;

function ring({ x, y, width, height }: Box): [number, number][] {
  return Array.from({ length: RING }, (_, at) => {
    const angle = (at / RING) * 2 * Math.PI;
    return [x + (width / 2) * (1 + Math.cos(angle)), y + (height / 2) * (1 + Math.sin(angle))] as [
      number,
      number,
    ];
  });
}

/** Whether a point is on it; `slack` is how far beside it still counts. */
export function hit(element: BoardElement, point: Point, slack: number): boolean {
  const { kind, style, frame } = element;
  if (!holds(grown(extent(element), slack), point)) return false;
  const box = boxOf(frame);
  if (!isStroke(kind) && !isLine(kind) && !isClosed(kind)) return holds(grown(box, slack), point);
  if (isClosed(kind) && style.fill !== null && inside(element, point)) return true;
  const near = style.width / 2 + slack;
  return segments(element, (ax, ay, bx, by) => distance2(point.x, point.y, ax, ay, bx, by) <= near * near);
}

function inside({ kind, frame }: BoardElement, { x, y }: Point): boolean {
  const box = boxOf(frame);
  if (kind !== 'ellipse') return holds(box, { x, y });
  const dx = (x - box.x - box.width / 2) / Math.max(1, box.width / 2);
  const dy = (y - box.y - box.height / 2) / Math.max(1, box.height / 2);
  return dx * dx + dy * dy <= 1;
}

/** Whether any of it lies in a box. */
export function touches(element: BoardElement, box: Box): boolean {
  if (!overlap(extent(element), box)) return false;
  const { kind, style } = element;
  if (!isStroke(kind) && !isLine(kind) && !isClosed(kind)) return true;
  if (isClosed(kind) && style.fill !== null) return true;
  const wide = grown(box, style.width / 2);
  return segments(element, (ax, ay, bx, by) => crosses(wide, ax, ay, bx, by));
}

/** Whether what moves from one point to the other comes upon it: an eraser is pulled faster than it is told of. */
export function sweeps(element: BoardElement, from: Point, to: Point, radius: number): boolean {
  const swept = grown(boxOf([from.x, from.y, to.x - from.x, to.y - from.y]), radius);
  if (!overlap(extent(element), swept)) return false;
  const steps = Math.max(1, Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / Math.max(1, radius)));
  for (let step = 0; step <= Math.min(steps, MOST_STEPS); step += 1) {
    const part = step / Math.min(steps, MOST_STEPS);
    const point = { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
    if (hit(element, point, radius)) return true;
  }
  return false;
}

/** A pull that is longer was no pull. */
const MOST_STEPS = 200;
