import type { BoardElement, BoardKind, BoardStyle } from '../../core/core';
import type { Camera } from './camera';
import { isLine, isWritten } from './element';
import { boxBetween, frameOf, type Box, type Frame, type Point } from './geometry';
import { hit, sweeps, touches } from './hit';
import { endPulled, mapped, movedBy, pulled, type Handle } from './resize';
import { Drawn } from './stroke';
import { ERASER, NOTE } from './tools';

/** Where a hand is: in CSS pixels of the view, and on the board. */
export interface Touch {
  view: Point;
  at: Point;
  /** From 0 to 255. */
  pressure: number;
  /** Shift is held: sides keep their relation, lines their direction, a choice is added to. */
  straight: boolean;
}

/** What a hand does from the moment that it touches the board until it leaves it. */
export interface Gesture {
  move(touches: readonly Touch[]): void;
  end(): void;
  /** What it did is given up. */
  cancel(): void;
}

/** What gestures need of the board. */
export interface Desk {
  readonly camera: Camera;
  setCamera(camera: Camera): void;
  /** On the page that is looked at, the uppermost first. */
  things(): Iterable<[string, BoardElement]>;
  get(id: string): BoardElement | undefined;
  readonly chosen: readonly string[];
  choose(ids: readonly string[]): void;
  /** A frame that is drawn open over things to choose them. */
  setMarquee(box: Box | undefined): void;
  /** What is to be seen of a gesture before it ends: frames by id. */
  preview(frames: ReadonlyMap<string, Frame>): void;
  /** Moves or sizes things for everybody; `last`: the gesture is over. */
  reframe(frames: ReadonlyMap<string, Frame>, gesture: number, last: boolean): void;
  /** What an eraser has come upon. */
  setErasing(ids: ReadonlySet<string>): void;
  remove(ids: readonly string[]): void;
  /** What we draw right now, told to the others; `undefined`: nothing any more. */
  draw(stroke: OwnStroke | undefined): void;
  /** It is finished, and stays. */
  keep(stroke: OwnStroke): void;
  /** Begins to write. */
  write(kind: 'text' | 'note', frame: Frame): void;
  nextStroke(): number;
  nextGesture(): number;
}

/** A stroke of ours, or a shape, of which the points are two corners. */
export interface OwnStroke {
  number: number;
  kind: BoardKind;
  style: BoardStyle;
  page: string | null;
  points: number[];
}

/** Less far, in CSS pixels, a hand has only pressed. */
const PRESS = 4;

/** The board is moved with the hand. */
export function pan(
  desk: Desk,
  first: Touch,
  moved: (camera: Camera, dx: number, dy: number) => Camera,
): Gesture {
  const begun = desk.camera;
  let last = first.view;
  return {
    move(list) {
      const now = list.at(-1)?.view ?? last;
      desk.setCamera(moved(desk.camera, now.x - last.x, now.y - last.y));
      last = now;
    },
    end: () => undefined,
    cancel: () => desk.setCamera(begun),
  };
}

/** Pen, marker and laser. */
export function stroke(desk: Desk, first: Touch, what: Pick<OwnStroke, 'kind' | 'style' | 'page'>): Gesture {
  const drawn = new Drawn(first.at.x, first.at.y, first.pressure);
  const own: OwnStroke = { ...what, number: desk.nextStroke(), points: drawn.points };
  desk.draw(own);
  return {
    move(list) {
      let some = false;
      for (const { at, pressure } of list) {
        some = drawn.follow(at.x, at.y, pressure, desk.camera.zoom) || some;
      }
      if (some) desk.draw(own);
    },
    end() {
      drawn.end();
      desk.keep(own);
    },
    cancel: () => desk.draw(undefined),
  };
}

/** Lines, arrows, rectangles and ellipses, from one corner to the other. */
export function shape(desk: Desk, first: Touch, what: Pick<OwnStroke, 'kind' | 'style' | 'page'>): Gesture {
  const number = desk.nextStroke();
  let to: Point | undefined;
  const own = (): OwnStroke => {
    const end = to ?? first.at;
    const points = [first.at, end].flatMap(({ x, y }) => [Math.round(x), Math.round(y), first.pressure]);
    return { ...what, number, points };
  };
  return {
    move(list) {
      const now = list.at(-1);
      if (!now || (!to && near(first, now))) return;
      to = now.straight ? straightened(first.at, now.at, isLine(what.kind)) : now.at;
      desk.draw(own());
    },
    end() {
      // A press without a pull draws nothing: it would hardly be seen, and was hardly meant.
      if (to) desk.keep(own());
      else desk.draw(undefined);
    },
    cancel: () => desk.draw(undefined),
  };
}

/** A square instead of a rectangle; a line in one of eight directions. */
export function straightened(from: Point, to: Point, line: boolean): Point {
  const dx = to.x - from.x;
  const dy = to.y - from.y;
  if (line) {
    const angle = Math.round(Math.atan2(dy, dx) / (Math.PI / 4)) * (Math.PI / 4);
    const length = Math.hypot(dx, dy);
    return { x: from.x + length * Math.cos(angle), y: from.y + length * Math.sin(angle) };
  }
  const side = Math.max(Math.abs(dx), Math.abs(dy));
  return { x: from.x + side * (dx < 0 ? -1 : 1), y: from.y + side * (dy < 0 ? -1 : 1) };
}

function near(a: Touch, b: Touch): boolean {
  return Math.hypot(a.view.x - b.view.x, a.view.y - b.view.y) < PRESS;
}

/** Takes whole things; they pale at once and go when the hand is lifted, so that a slip can be given up by Esc. */
export function erase(desk: Desk, first: Touch): Gesture {
  const gone = new Set<string>();
  let last = first.at;
  const radius = () => (ERASER * 10) / desk.camera.zoom;
  const over = (to: Point) => {
    for (const [id, element] of desk.things()) {
      if (!gone.has(id) && sweeps(element, last, to, radius())) gone.add(id);
    }
    last = to;
  };
  over(first.at);
  desk.setErasing(new Set(gone));
  return {
    move(list) {
      const before = gone.size;
      for (const { at } of list) over(at);
      if (gone.size > before) desk.setErasing(new Set(gone));
    },
    end() {
      desk.setErasing(new Set());
      if (gone.size > 0) desk.remove([...gone]);
    },
    cancel: () => desk.setErasing(new Set()),
  };
}

/** A press chooses, a pull moves what is chosen, or opens a frame around what is to be. */
export function select(desk: Desk, first: Touch, slack: number): Gesture {
  const found = [...desk.things()].find(([, element]) => hit(element, first.at, slack))?.[0];
  const before = desk.chosen;
  if (found === undefined) return marquee(desk, first, first.straight ? before : []);
  if (first.straight) {
    const without = before.filter((id) => id !== found);
    desk.choose(without.length < before.length ? without : [...before, found]);
  } else if (!before.includes(found)) {
    desk.choose([found]);
  }
  return move(desk, first, before);
}

function marquee(desk: Desk, first: Touch, base: readonly string[]): Gesture {
  const before = desk.chosen;
  desk.choose(base);
  return {
    move(list) {
      const now = list.at(-1);
      if (!now) return;
      const box = boxBetween(first.at, now.at);
      desk.setMarquee(box);
      const inside = [...desk.things()].filter(([, element]) => touches(element, box)).map(([id]) => id);
      desk.choose([...new Set([...base, ...inside])]);
    },
    end: () => desk.setMarquee(undefined),
    cancel() {
      desk.setMarquee(undefined);
      desk.choose(before);
    },
  };
}

function framesOf(desk: Desk): [string, BoardElement][] {
  return desk.chosen.flatMap((id): [string, BoardElement][] => {
    const element = desk.get(id);
    return element ? [[id, element]] : [];
  });
}

function move(desk: Desk, first: Touch, before: readonly string[]): Gesture {
  const begun = framesOf(desk);
  const gesture = desk.nextGesture();
  let frames: ReadonlyMap<string, Frame> | undefined;
  return {
    move(list) {
      const now = list.at(-1);
      if (!now || (!frames && near(first, now))) return;
      let dx = now.at.x - first.at.x;
      let dy = now.at.y - first.at.y;
      if (now.straight) [dx, dy] = Math.abs(dx) > Math.abs(dy) ? [dx, 0] : [0, dy];
      frames = new Map(begun.map(([id, { frame }]) => [id, movedBy(frame, dx, dy)]));
      desk.preview(frames);
      desk.reframe(frames, gesture, false);
    },
    end() {
      if (frames) desk.reframe(frames, gesture, true);
    },
    cancel() {
      if (frames) desk.reframe(new Map(begun.map(([id, { frame }]) => [id, frame])), gesture, true);
      else desk.choose(before);
    },
  };
}

/** A handle of what is chosen is pulled. */
export function resize(desk: Desk, first: Touch, handle: Handle, box: Box): Gesture {
  const begun = framesOf(desk);
  const gesture = desk.nextGesture();
  let frames: ReadonlyMap<string, Frame> | undefined;
  const at = (now: Touch): ReadonlyMap<string, Frame> => {
    if (handle === 'from' || handle === 'to') {
      return new Map(begun.map(([id, element]) => [id, endPulled(element, handle, now.at)]));
    }
    // A picture that is out of proportion was hardly meant; of everything else Shift keeps it.
    const keep = now.straight !== begun.every(([, { kind }]) => kind === 'picture');
    const to = pulled(box, handle, now.at, keep);
    return new Map(begun.map(([id, element]) => [id, mapped(element, box, to)]));
  };
  return {
    move(list) {
      const now = list.at(-1);
      if (!now || (!frames && near(first, now))) return;
      frames = at(now);
      desk.preview(frames);
      desk.reframe(frames, gesture, false);
    },
    end() {
      if (frames) desk.reframe(frames, gesture, true);
    },
    cancel() {
      if (frames) desk.reframe(new Map(begun.map(([id, { frame }]) => [id, frame])), gesture, true);
    },
  };
}

/** Puts down a text or a note, or takes up the one that is there. */
export function place(
  desk: Desk,
  first: Touch,
  kind: 'text' | 'note',
  takeUp: (id: string) => void,
): Gesture {
  const there = [...desk.things()].find(
    ([, element]) => isWritten(element.kind) && hit(element, first.at, 0),
  )?.[0];
  let to: Point | undefined;
  return {
    move(list) {
      const now = list.at(-1);
      if (!now || there !== undefined || (!to && near(first, now))) return;
      to = now.at;
      desk.setMarquee(boxBetween(first.at, to));
    },
    end() {
      desk.setMarquee(undefined);
      if (there !== undefined) return takeUp(there);
      if (to) return desk.write(kind, frameOf(boxBetween(first.at, to)).map(Math.round) as Frame);
      const { x, y } = first.at;
      const half = NOTE / 2;
      // A note lies under the hand, a text begins at it.
      desk.write(
        kind,
        (kind === 'note' ? [x - half, y - half, NOTE, NOTE] : [x, y - half / 10, 0, 0]).map(
          Math.round,
        ) as Frame,
      );
    },
    cancel: () => desk.setMarquee(undefined),
  };
}
