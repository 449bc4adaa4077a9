import type { ArenaView } from '../../core/core';
import { ARENA, FULL_TURN, SEATS, SPEED, type Mark } from '../../state/game';

/** The canvas of lines that are certain, which is only ever added to, and how far each has been drawn. */
interface Drawn {
  round: number;
  scale: number;
  /** Of each seat: how many numbers were drawn, and how long its line is by now. */
  seats: { count: number; length: number }[];
}

type Line = readonly number[];

/**
 * Draws the arena on two canvases of the same size: `lines` keeps what is certain and gets only what is new of it, `heads`
 * is drawn anew with every picture.
 */
export class ArenaPainter {
  readonly #lines: CanvasRenderingContext2D;
  readonly #heads: CanvasRenderingContext2D;
  #drawn: Drawn | undefined;

  constructor(lines: CanvasRenderingContext2D, heads: CanvasRenderingContext2D) {
    this.#lines = lines;
    this.#heads = heads;
  }

  /** `since`: seconds since the arena was told of; heads go on by themselves until the next. `names`: beside each head. */
  draw(arena: ArenaView, own: number | undefined, since: number, names: readonly string[] | undefined): void {
    const { width } = this.#lines.canvas;
    const scale = width / ARENA.width;
    const before = this.#drawn;
    const shorter =
      before?.seats.some(({ count }, seat) => count > (arena.lines[seat]?.length ?? 0)) ?? false;
    if (!before || before.round !== arena.round || before.scale !== scale || shorter) {
      this.#lines.clearRect(0, 0, width, this.#lines.canvas.height);
      const seats = arena.lines.map(() => ({ count: 0, length: 0 }));
      this.#drawn = { round: arena.round, scale, seats };
    }
    arena.lines.forEach((line, seat) => this.#goOn(line, seat, scale));
    const heads = this.#heads;
    heads.clearRect(0, 0, heads.canvas.width, heads.canvas.height);
    arena.ahead.forEach((ahead, seat) => {
      const last = arena.lines[seat]?.slice(-2) ?? [];
      const joined = ahead.length > 0 && !isLifted(last, 0) ? [...last, ...ahead] : ahead;
      const head = arena.heads[seat];
      const tip = head && !isLifted(ahead, ahead.length - 2) && ahead.length > 0 ? moved(head, since) : [];
      stroke(heads, [...joined, ...tip], seat, scale, this.#drawn?.seats[seat]?.length ?? 0);
    });
    arena.heads.forEach((head, seat) => {
      if (!head) return;
      const [x = 0, y = 0] = moved(head, since);
      drawHead(heads, { x: x * scale, y: y * scale, direction: head[2] }, seat, scale, seat === own);
      const name = names?.[seat];
      if (name !== undefined) label(heads, name, x * scale, y * scale, seat);
    });
  }

  #goOn(line: Line, seat: number, scale: number): void {
    const drawn = this.#drawn?.seats[seat];
    if (!drawn || drawn.count >= line.length) return;
    // From the last point that was drawn, so that nothing is missing between.
    const from = Math.max(0, drawn.count - 2);
    const part = line.slice(from);
    stroke(this.#lines, part, seat, scale, drawn.length);
    drawn.length += lengthOf(part);
    drawn.count = line.length;
  }
}

function isLifted(line: Line, at: number): boolean {
  return (line[at] ?? -1) < 0;
}

/** Where a head is after so many seconds, if it goes straight on. */
function moved([x, y, direction]: readonly [number, number, number], since: number): [number, number] {
  const angle = (direction / FULL_TURN) * 2 * Math.PI;
  const way = SPEED * since;
  return [x + Math.cos(angle) * way, y + Math.sin(angle) * way];
}

function lengthOf(line: Line): number {
  let length = 0;
  for (let at = 2; at + 1 < line.length; at += 2) {
    if (isLifted(line, at) || isLifted(line, at - 2)) continue;
    length += Math.hypot((line[at] ?? 0) - (line[at - 2] ?? 0), (line[at + 1] ?? 0) - (line[at - 1] ?? 0));
  }
  return length;
}

/** `length`: how long the line is before this part, so that its pattern goes on. */
function stroke(
  context: CanvasRenderingContext2D,
  line: Line,
  seat: number,
  scale: number,
  length: number,
): void {
  const look = SEATS[seat];
  if (!look || line.length < 2) return;
  const path = new Path2D();
  let down = false;
  for (let at = 0; at + 1 < line.length; at += 2) {
    const lifted = isLifted(line, at);
    const [x, y] = [(line[at] ?? 0) * scale, (line[at + 1] ?? 0) * scale];
    if (lifted) down = false;
    else if (down) path.lineTo(x, y);
    else path.moveTo(x, y);
    if (!lifted) down = true;
  }
  const width = ARENA.line * scale;
  context.lineCap = 'round';
  context.lineJoin = 'round';
  context.setLineDash([]);
  context.strokeStyle = look.colour;
  context.lineWidth = width;
  context.stroke(path);
  if (look.dashes.length === 0) return;
  context.lineCap = 'butt';
  context.setLineDash(look.dashes.map((dash) => dash * width));
  context.lineDashOffset = length * scale;
  context.strokeStyle = '#0a0e0f';
  context.lineWidth = width * 0.42;
  context.stroke(path);
  context.setLineDash([]);
}

function drawHead(
  context: CanvasRenderingContext2D,
  { x, y, direction }: { x: number; y: number; direction: number },
  seat: number,
  scale: number,
  own: boolean,
): void {
  const look = SEATS[seat];
  if (!look) return;
  const size = ARENA.line * scale * 1.15;
  context.save();
  context.translate(x, y);
  context.rotate((direction / FULL_TURN) * 2 * Math.PI);
  if (own) {
    context.beginPath();
    context.arc(0, 0, size * 1.5, 0, 2 * Math.PI);
    context.strokeStyle = '#ffffff';
    context.lineWidth = Math.max(1.5, size * 0.22);
    context.stroke();
  }
  context.fillStyle = look.colour;
  context.strokeStyle = '#0a0e0f';
  context.lineWidth = Math.max(1, size * 0.18);
  context.fill(shape(look.mark, size));
  context.stroke(shape(look.mark, size));
  context.restore();
}

const SHAPES: Readonly<Record<Exclude<Mark, 'circle'>, readonly (readonly [number, number])[]>> = {
  square: [
    [-0.85, -0.85],
    [0.85, -0.85],
    [0.85, 0.85],
    [-0.85, 0.85],
  ],
  triangle: [
    [1.15, 0],
    [-0.8, 1],
    [-0.8, -1],
  ],
  diamond: [
    [1.15, 0],
    [0, 1],
    [-1.15, 0],
    [0, -1],
  ],
  bar: [
    [-0.4, -1.2],
    [0.4, -1.2],
    [0.4, 1.2],
    [-0.4, 1.2],
  ],
  cross: [
    [-0.35, -1.1],
    [0.35, -1.1],
    [0.35, -0.35],
    [1.1, -0.35],
    [1.1, 0.35],
    [0.35, 0.35],
    [0.35, 1.1],
    [-0.35, 1.1],
    [-0.35, 0.35],
    [-1.1, 0.35],
    [-1.1, -0.35],
    [-0.35, -0.35],
  ],
};

/** A mark of this size around the origin. */
export function shape(mark: Mark, size: number): Path2D {
  const path = new Path2D();
  if (mark === 'circle') path.arc(0, 0, size, 0, 2 * Math.PI);
  else {
    SHAPES[mark].forEach(([x, y], index) => {
      if (index === 0) path.moveTo(x * size, y * size);
      else path.lineTo(x * size, y * size);
    });
    path.closePath();
  }
  return path;
}

function label(context: CanvasRenderingContext2D, name: string, x: number, y: number, seat: number): void {
  const { width } = context.canvas;
  const size = Math.max(12, width / 60);
  context.font = `600 ${size}px system-ui, sans-serif`;
  context.textAlign = x < width * 0.1 ? 'left' : x > width * 0.9 ? 'right' : 'center';
  context.textBaseline = 'bottom';
  context.lineWidth = size / 4;
  context.lineJoin = 'round';
  context.strokeStyle = '#0a0e0f';
  context.fillStyle = SEATS[seat]?.colour ?? '#ffffff';
  const above = y > size * 3 ? y - size * 1.1 : y + size * 2.4;
  context.strokeText(name, x, above);
  context.fillText(name, x, above);
}
