import type { BoardElement, BoardNew, BoardStyle } from '../../core/core';
import { movedBy } from './resize';
import { styleOf, type Choice, type Tool } from './tools';

/** Where a copy lies. */
const BESIDE = 200;

/** How something looks of which a colour, width or fill is chosen anew; `undefined` where there is nothing to choose. */
export function restyled(
  { kind, style }: BoardElement,
  choice: Choice,
  change: Partial<Choice>,
): BoardStyle | undefined {
  if (kind === 'picture') return undefined;
  const tool: Tool = kind === 'page' || kind === 'laser' ? 'pen' : kind;
  const wanted = styleOf(tool, { ...choice, filled: change.filled ?? style.fill !== null });
  const made = { ...style };
  if (change.color !== undefined && kind !== 'note') made.color = wanted.color;
  if (change.width !== undefined) Object.assign(made, { width: wanted.width, size: wanted.size });
  if (change.sheet !== undefined || change.filled !== undefined || made.fill !== null) {
    made.fill = kind === 'note' && change.sheet === undefined ? made.fill : wanted.fill;
  }
  return made;
}

/** A copy of something, a little beside it. (Of a picture there is none: its bytes are the engine’s.) */
export function copied(element: BoardElement): BoardNew | undefined {
  const { kind, page, style, text, frame, points, natural } = element;
  if (kind === 'picture') return undefined;
  const [x, y, width, height] = movedBy(frame, BESIDE, BESIDE);
  const sx = natural[0] === 0 ? 1 : width / natural[0];
  const sy = natural[1] === 0 ? 1 : height / natural[1];
  const moved = points.map((value, at) =>
    at % 3 === 0 ? Math.round(x + value * sx) : at % 3 === 1 ? Math.round(y + value * sy) : value,
  );
  return { kind, page, style, text, frame: [x, y, width, height], points: moved, live: null };
}
