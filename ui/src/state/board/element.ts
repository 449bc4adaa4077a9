import type { BoardElement, BoardKind } from '../../core/core';
import { boxOf, grown, type Box, type Point } from './geometry';
import { t } from '../../words';

/** Arrow heads: how long, as a multiple of the line’s width, and no shorter than 10 px. */
const HEAD = 4;
const MIN_HEAD = 100;
/** 28 degrees to each side. */
const HEAD_ANGLE = (28 / 180) * Math.PI;

export const isStroke = (kind: BoardKind) => kind === 'pen' || kind === 'marker' || kind === 'laser';
export const isLine = (kind: BoardKind) => kind === 'line' || kind === 'arrow';
export const isWritten = (kind: BoardKind) => kind === 'text' || kind === 'note';
export const isClosed = (kind: BoardKind) => kind === 'rectangle' || kind === 'ellipse';

/** By how much the points of a stroke are stretched: along x and along y; negative where it was mirrored. */
export function stretch({ frame, natural }: Pick<BoardElement, 'frame' | 'natural'>): [number, number] {
  return [natural[0] === 0 ? 1 : frame[2] / natural[0], natural[1] === 0 ? 1 : frame[3] / natural[1]];
}

/** All that is painted lies within. */
export function extent(element: Pick<BoardElement, 'kind' | 'frame' | 'style'>): Box {
  const { kind, style } = element;
  const box = boxOf(element.frame);
  if (kind === 'picture' || isWritten(kind)) return box;
  // The outline of a pen is as wide as its width where it is pressed hardest.
  const out = style.width / 2 + 10;
  return grown(box, kind === 'arrow' ? out + headLength(element) : out);
}

export function headLength({ frame, style }: Pick<BoardElement, 'frame' | 'style'>): number {
  return Math.min(Math.max(HEAD * style.width, MIN_HEAD), Math.hypot(frame[2], frame[3]) / 2);
}

/** The ends of an arrow’s head: its barbs, and the tip between them. */
export function head(element: Pick<BoardElement, 'frame' | 'style'>): [Point, Point, Point] {
  const [x, y, width, height] = element.frame;
  const tip = { x: x + width, y: y + height };
  const length = headLength(element);
  const angle = Math.atan2(height, width);
  const barb = (turn: number) => ({
    x: tip.x - length * Math.cos(angle + turn),
    y: tip.y - length * Math.sin(angle + turn),
  });
  return [barb(HEAD_ANGLE), tip, barb(-HEAD_ANGLE)];
}

/** In words, for whoever hears the board: “Red pen stroke”, “Note: Buy milk”. */
export function describe(element: Pick<BoardElement, 'kind' | 'style' | 'text'>, color: string): string {
  const { kind, text } = element;
  const said = text.trim().replace(/\s+/g, ' ');
  switch (kind) {
    case 'text':
      return said === '' ? t('board.empty_text') : t('board.text_says', { text: short(said) });
    case 'note':
      return said === '' ? t('board.empty_note') : t('board.note_says', { text: short(said) });
    case 'picture':
      return t('board.picture');
    case 'page':
      return said === '' ? t('board.page') : t('board.page_says', { text: short(said) });
    default:
      return t('board.thing', { kind, color });
  }
}

const SHORT = 80;

function short(text: string): string {
  const letters = [...text];
  return letters.length > SHORT ? `${letters.slice(0, SHORT - 1).join('')}…` : text;
}
