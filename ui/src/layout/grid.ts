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
/** A strip's tiles are as cameras are. */
const STRIP_ASPECT = 16 / 10;
/** More at once is nobody looked at any more: the rest stands on further pages. */
export const PAGE_LIMIT = 9;
/** Smaller, a face is not recognised, and the name under it is cut off. */
const PAGE_TILE: Size = { width: 120, height: 80 };
/** The strip beside a spotlight, and the one below: no more than this, and no more than this part of the stage. */
const STRIP_BESIDE = 226;
const STRIP_BELOW = 142;
const STRIP_PART = 0.26;
/** At most so many in it, each at least so large. */
const STRIP_LIMIT = 6;
const STRIP_TILE: Size = { width: 96, height: 64 };

export function gap({ width, height }: Size): number {
  return Math.min(width, height) < SMALL ? SMALL_GAP : GAP;
}

/** Columns of a grid of `count`: those that make its tiles largest; of two that are much the same, the fewer empty places. */
export function columns(size: Size, count: number): number {
  if (count <= 0 || size.width <= 0 || size.height <= 0) return 1;
  let best = { columns: 1, area: 0 };
  for (let perRow = 1; perRow <= count; perRow += 1) {
    const { width, height } = tileOf(size, count, perRow);
    const empty = Math.ceil(count / perRow) * perRow - count;
    // An empty place is worth a hundredth of the tiles' size.
    const area = width * height * (1 - empty / 100);
    if (area > best.area) best = { columns: perRow, area };
  }
  return best.columns;
}

function tileOf(size: Size, count: number, perRow: number): Size {
  const space = gap(size);
  const rows = Math.ceil(count / perRow);
  const cell = {
    width: Math.max(0, (size.width - space * (perRow - 1)) / perRow),
    height: Math.max(0, (size.height - space * (rows - 1)) / Math.max(1, rows)),
  };
  return fit(cell, MIN_ASPECT, MAX_ASPECT);
}

/** Everybody alike; the last row is centred. */
export function grid(size: Size, count: number): Rect[] {
  const space = gap(size);
  const perRow = columns(size, count);
  const rows = Math.ceil(count / perRow);
  const tile = tileOf(size, count, perRow);
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

/** How many a page of the grid holds. */
export function perPage(size: Size): number {
  // Of a stage that was not measured yet nothing is known.
  if (size.width <= 0 || size.height <= 0) return PAGE_LIMIT;
  for (let count = PAGE_LIMIT; count > 1; count -= 1) {
    const [tile] = grid(size, count);
    if (tile && tile.width >= PAGE_TILE.width && tile.height >= PAGE_TILE.height) return count;
  }
  return 1;
}

/** How thick a strip is: beside the large picture, or below it. */
function thickness(size: Size, beside: boolean): number {
  return beside
    ? Math.min(STRIP_BESIDE, size.width * STRIP_PART)
    : Math.min(STRIP_BELOW, size.height * STRIP_PART);
}

/** How many the strip holds; none where the stage is too small for one. */
export function stripRoom(size: Size, beside: boolean): number {
  const thick = thickness(size, beside);
  if (thick < (beside ? STRIP_TILE.width : STRIP_TILE.height)) return 0;
  const along = beside ? size.height : size.width;
  const least = beside ? STRIP_TILE.height : STRIP_TILE.width;
  return Math.min(STRIP_LIMIT, Math.floor((along + gap(size)) / (least + gap(size))));
}

/** One large, `others` in a strip at the right or below. */
export function spotlight(size: Size, others: number, beside: boolean): { large: Rect; strip: Rect[] } {
  if (others === 0) return { large: { x: 0, y: 0, ...size }, strip: [] };
  const space = gap(size);
  const along = beside ? size.height : size.width;
  const thick = thickness(size, beside);
  const each = (along - space * (others - 1)) / others;
  const tile = beside
    ? fit({ width: thick, height: Math.min(each, thick / STRIP_ASPECT) }, MIN_ASPECT, MAX_ASPECT)
    : fit({ width: Math.min(each, thick * STRIP_ASPECT), height: thick }, MIN_ASPECT, MAX_ASPECT);
  const step = (beside ? tile.height : tile.width) + space;
  const start = (along - (step * others - space)) / 2;
  const strip = Array.from({ length: others }, (_, index) =>
    beside
      ? { x: size.width - tile.width, y: start + index * step, ...tile }
      : { x: start + index * step, y: size.height - tile.height, ...tile },
  );
  const large = beside
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
