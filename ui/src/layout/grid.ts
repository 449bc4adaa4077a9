/** Where everybody's picture stands. Pure: sizes in, rectangles out, in CSS pixels. */

export interface Size {
  width: number;
  height: number;
}

export interface Rect extends Size {
  x: number;
  y: number;
}

/** Between tiles. */
export const GAP = 16;
/** In windows as small as ours may be, 16 px would be a tenth of a tile. */
const SMALL_GAP = 8;
const SMALL = 600;
/** No tile is narrower than a television of old or wider than a film. */
const MIN_ASPECT = 4 / 3;
const MAX_ASPECT = 17 / 9;
/** The strip beside a spotlight takes this part of the longer side, within readable bounds. */
const STRIP_PART = 0.2;
const STRIP_MIN = 96;
const STRIP_MAX = 280;

export function gap({ width, height }: Size): number {
  return Math.min(width, height) < SMALL ? SMALL_GAP : GAP;
}

/** Columns of a grid of `count`, so that cells come near to 4:3. */
export function columns({ width, height }: Size, count: number): number {
  if (count <= 0 || width <= 0 || height <= 0) return 1;
  return Math.min(count, Math.max(1, Math.round(Math.sqrt((width / height / MIN_ASPECT) * count))));
}

/** Everybody alike; the last row is centred. */
export function grid(size: Size, count: number): Rect[] {
  const space = gap(size);
  const perRow = columns(size, count);
  const rows = Math.ceil(count / perRow);
  const cell = {
    width: Math.max(0, (size.width - space * (perRow - 1)) / perRow),
    height: Math.max(0, (size.height - space * (rows - 1)) / Math.max(1, rows)),
  };
  const tile = fit(cell, MIN_ASPECT, MAX_ASPECT);
  const top = (size.height - rows * tile.height - (rows - 1) * space) / 2;
  return Array.from({ length: count }, (_, index) => {
    const row = Math.floor(index / perRow);
    const inRow = Math.min(perRow, count - row * perRow);
    const left = (size.width - inRow * tile.width - (inRow - 1) * space) / 2;
    return {
      x: left + (index - row * perRow) * (tile.width + space),
      y: top + row * (tile.height + space),
      ...tile,
    };
  });
}

/** One large, `others` in a strip: at the right in a wide window, below in a tall one. */
export function spotlight(size: Size, others: number): { large: Rect; strip: Rect[] } {
  if (others === 0) return { large: { x: 0, y: 0, ...size }, strip: [] };
  const space = gap(size);
  const wide = size.width >= size.height;
  const along = wide ? size.height : size.width;
  const long = wide ? size.width : size.height;
  const thick = Math.min(STRIP_MAX, Math.max(STRIP_MIN, long * STRIP_PART), long / 2);
  const each = (along - space * (others - 1)) / others;
  // The strip never scrolls: with many people its tiles get smaller.
  const tile = wide
    ? fitInside({ width: thick, height: each }, MIN_ASPECT)
    : fitInside({ width: each, height: thick }, MIN_ASPECT);
  const step = (wide ? tile.height : tile.width) + space;
  const start = (along - (step * others - space)) / 2;
  const strip = Array.from({ length: others }, (_, index) =>
    wide
      ? { x: size.width - tile.width, y: start + index * step, ...tile }
      : { x: start + index * step, y: size.height - tile.height, ...tile },
  );
  const large = wide
    ? { x: 0, y: 0, width: Math.max(0, size.width - tile.width - space), height: size.height }
    : { x: 0, y: 0, width: size.width, height: Math.max(0, size.height - tile.height - space) };
  return { large, strip };
}

/** The largest size within `cell` whose aspect lies between the two. */
function fit(cell: Size, min: number, max: number): Size {
  const aspect = cell.width / cell.height;
  if (aspect > max) return { width: cell.height * max, height: cell.height };
  if (aspect < min) return { width: cell.width, height: cell.width / min };
  return cell;
}

/** The largest size of this aspect within `cell`. */
function fitInside(cell: Size, aspect: number): Size {
  return fit(cell, aspect, aspect);
}
