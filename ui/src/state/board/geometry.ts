/** Points, boxes and lines on the board. Lengths are the board's: tenths of a pixel at 100%. */

export interface Point {
  x: number;
  y: number;
}

/** Width and height are never negative. */
export interface Box extends Point {
  width: number;
  height: number;
}

/** As an element says where it is: x, y, width, height. Width and height may be negative. */
export type Frame = [number, number, number, number];

export function boxOf([x, y, width, height]: readonly [number, number, number, number]): Box {
  return {
    x: Math.min(x, x + width),
    y: Math.min(y, y + height),
    width: Math.abs(width),
    height: Math.abs(height),
  };
}

/** Of two opposite corners. */
export function boxBetween(a: Point, b: Point): Box {
  return boxOf([a.x, a.y, b.x - a.x, b.y - a.y]);
}

export function frameOf({ x, y, width, height }: Box): Frame {
  return [x, y, width, height];
}

export function grown({ x, y, width, height }: Box, by: number): Box {
  return { x: x - by, y: y - by, width: width + 2 * by, height: height + 2 * by };
}

/** The smallest that holds all of them; `undefined` for none. */
export function around(boxes: Iterable<Box>): Box | undefined {
  let all: Box | undefined;
  for (const box of boxes) all = all ? union(all, box) : box;
  return all;
}

export function union(a: Box, b: Box): Box {
  const x = Math.min(a.x, b.x);
  const y = Math.min(a.y, b.y);
  return {
    x,
    y,
    width: Math.max(a.x + a.width, b.x + b.width) - x,
    height: Math.max(a.y + a.height, b.y + b.height) - y,
  };
}

export function overlap(a: Box, b: Box): boolean {
  return a.x <= b.x + b.width && b.x <= a.x + a.width && a.y <= b.y + b.height && b.y <= a.y + a.height;
}

export function holds(box: Box, { x, y }: Point): boolean {
  return x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + box.height;
}

export function middle({ x, y, width, height }: Box): Point {
  return { x: x + width / 2, y: y + height / 2 };
}

/** The square of how far a point is from a segment. */
export function distance2(px: number, py: number, ax: number, ay: number, bx: number, by: number): number {
  const dx = bx - ax;
  const dy = by - ay;
  const length2 = dx * dx + dy * dy;
  const along = length2 === 0 ? 0 : Math.min(1, Math.max(0, ((px - ax) * dx + (py - ay) * dy) / length2));
  const x = px - ax - along * dx;
  const y = py - ay - along * dy;
  return x * x + y * y;
}

/** Whether a segment has a point in a box. (Liang and Barsky’s clipping.) */
export function crosses(box: Box, ax: number, ay: number, bx: number, by: number): boolean {
  let from = 0;
  let to = 1;
  const dx = bx - ax;
  const dy = by - ay;
  for (const [step, room] of [
    [-dx, ax - box.x],
    [dx, box.x + box.width - ax],
    [-dy, ay - box.y],
    [dy, box.y + box.height - ay],
  ] as const) {
    if (step === 0) {
      if (room < 0) return false;
    } else if (step < 0) {
      from = Math.max(from, room / step);
    } else {
      to = Math.min(to, room / step);
    }
    if (from > to) return false;
  }
  return true;
}
