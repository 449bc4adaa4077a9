import { scale, type Camera, type View } from './camera';
import type { Box } from './geometry';

/**
 * The board as squares of pixels, at one size. What is finished is painted square by square, so that something can be seen
 * before everything is painted, a movement paints only what comes into view, and a change only where it is.
 */

/** A square’s side in CSS pixels: few enough squares to put together for a picture, each painted in a part of one. */
export const SIDE = 256;

/** Which square: counted from the board’s middle, to the right and down. */
export interface Square {
  column: number;
  row: number;
}

/** How the board lies on squares: whole pixels of the screen, so that squares fit together and stay sharp when they are moved. */
export interface Grid {
  /** Pixels of the screen for one of the board’s lengths. */
  by: number;
  /** A square’s side in pixels of the screen. */
  side: number;
  /** The view’s left upper corner in such pixels, from the board’s middle. */
  left: number;
  top: number;
  /** The view’s size in them. */
  width: number;
  height: number;
}

export function gridOf(camera: Camera, view: View, ratio: number): Grid {
  const by = scale(camera) * ratio;
  return {
    by,
    side: Math.round(SIDE * ratio),
    left: Math.round(camera.x * by),
    top: Math.round(camera.y * by),
    width: Math.max(1, Math.round(view.width * ratio)),
    height: Math.max(1, Math.round(view.height * ratio)),
  };
}

export const keyOf = ({ column, row }: Square): string => `${column} ${row}`;

/** Those that are seen, the ones in the middle of the view first: that is where people look. */
export function seenSquares(grid: Grid): Square[] {
  const { left, top, width, height, side } = grid;
  const squares = within(left, top, left + width - 1, top + height - 1, side);
  const middle = { x: (left + width / 2) / side - 0.5, y: (top + height / 2) / side - 0.5 };
  const far = ({ column, row }: Square) => (column - middle.x) ** 2 + (row - middle.y) ** 2;
  return squares.sort((a, b) => far(a) - far(b));
}

/** The part of the board on a square. */
export function boxUnder({ column, row }: Square, { by, side }: Grid): Box {
  const length = side / by;
  return { x: column * length, y: row * length, width: length, height: length };
}

/** Where a square is in the view, in pixels of the screen. */
export function placeOf({ column, row }: Square, { side, left, top }: Grid): { x: number; y: number } {
  return { x: column * side - left, y: row * side - top };
}

function within(left: number, top: number, right: number, bottom: number, side: number): Square[] {
  const squares: Square[] = [];
  const last = { column: Math.floor(right / side), row: Math.floor(bottom / side) };
  for (let row = Math.floor(top / side); row <= last.row; row += 1) {
    for (let column = Math.floor(left / side); column <= last.column; column += 1)
      squares.push({ column, row });
  }
  return squares;
}
