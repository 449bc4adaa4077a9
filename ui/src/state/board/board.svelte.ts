/* eslint-disable svelte/prefer-svelte-reactivity -- of thousands of things a few change, and whoever draws them is told which */
import type { BoardCommand, BoardElement, BoardNew, Reply } from '../../core/core';
import type { KeyPress } from '../keys';
import type { Session } from '../session.svelte';
import {
  fitted,
  panned,
  pinched,
  scale,
  seen,
  toBoard,
  toView,
  zoomed,
  ZOOM_STEP,
  type Camera,
  type View,
} from './camera';
import { describe, extent, isLine, isStroke, isWritten } from './element';
import { around, boxOf, frameOf, middle, type Box, type Frame, type Point } from './geometry';
import * as gestures from './gestures';
import type { Desk, Gesture, OwnStroke, Touch } from './gestures';
import { hit } from './hit';
import { handles, movedBy, type Handle } from './resize';
import { Saying } from './saying';
import { FADE_MS } from './store.svelte';
import { naturalSize, noteHeight, type Measure } from './text';
import { colorName, COLORS, LASER, NOTE, SHEETS, styleOf, TOOLS, type Choice, type Tool } from './tools';

/** What the board’s screen reaches outside it. */
export interface Beside {
  /** What somebody who is here is called; `undefined` for whoever has left. */
  nameOf: (id: string) => string | undefined;
  measure: Measure;
  /** Milliseconds of any clock. */
  now: () => number;
  after: (callback: () => void, ms: number) => () => void;
}

/** A text or note that is being written. */
export interface Writing {
  /** Of what is changed; `undefined` for a new one. */
  id: string | undefined;
  kind: 'text' | 'note';
  frame: Frame;
  style: BoardElement['style'];
  text: string;
}

/** What a pointer that comes down is. */
export interface Down extends Omit<Touch, 'at'> {
  kind: 'mouse' | 'pen' | 'touch';
  /** As of a mouse event: 1 is the wheel. */
  button: number;
}

/** In CSS pixels: so far beside a thing or a handle a press still counts; a finger is thicker. */
const SLACK = { mouse: 5, pen: 6, touch: 14 } as const;
/** An arrow key, in the board’s lengths; ten times as far with Shift. */
const STEP = 10;
/** An arrow key while nothing is chosen, in CSS pixels. */
const PAN = 60;
/** A text that is put down without a frame is at most so wide. */
const TEXT_WIDTH = 4_000;
/** What was changed here and is not told back by the engine by then was changed by somebody else too. */
const SETTLED_MS = 1_000;

/** What only this window knows of the board: the tool, what is chosen, what part is looked at, what is being drawn. */
export class BoardModel implements Desk {
  tool = $state<Tool>('pen');
  choice = $state.raw<Choice>({ color: COLORS[0].value, sheet: SHEETS[0].value, width: 1, filled: false });
  camera = $state.raw<Camera>({ x: 0, y: 0, zoom: 1 });
  view = $state.raw<View>({ width: 0, height: 0 });
  marquee = $state.raw<Box>();
  erasing = $state.raw<ReadonlySet<string>>(new Set());
  writing = $state<Writing>();
  /** Something for whoever hears the board; each time another text. */
  says = $state('');
  /** Whether a hand is doing something. */
  busy = $state(false);
  #chosen = $state.raw<readonly string[]>([]);
  #page = $state.raw<string | null>(null);

  /** Ours that are drawn, or that no element has come for yet. */
  pending: OwnStroke[] = [];
  /** Trails of our laser, with the moment at which the hand was lifted. */
  trails: (OwnStroke & { ended: number })[] = [];
  /** Where things are shown while they are moved, and until the engine says the same. */
  readonly shifted = new Map<string, Frame>();

  readonly #session: Session;
  readonly #beside: Beside;
  readonly #saying: Saying;
  readonly #listeners = new Set<() => void>();
  #gesture: Gesture | undefined;
  #gestures = 0;
  /** The last move that waits to be told. */
  #waiting: (() => void) | undefined;
  /** Before a hand or Alt changed it. */
  #penSeen = false;
  #pressed: { at: Point; id: string | undefined; when: number } | undefined;

  constructor(session: Session, beside: Beside) {
    this.#session = session;
    this.#beside = beside;
    this.#saying = new Saying(
      (live) =>
        void session.core.dispatch({ type: 'board', command: { type: 'live', live } }).catch(() => undefined),
      beside.after,
    );
  }

  get store() {
    return this.#session.board;
  }

  /** Calls back when something is to be drawn anew that no rune tells of. */
  listen(hear: () => void): () => void {
    this.#listeners.add(hear);
    return () => this.#listeners.delete(hear);
  }

  #changed(): void {
    for (const hear of this.#listeners) hear();
  }

  #ask(command: BoardCommand): Promise<Reply | undefined> {
    return this.#session.asked({ type: 'board', command });
  }

  // ── Pages ────────────────────────────────────────────────────────────────────────────────────────────────────

  readonly pages = $derived.by((): readonly (string | null)[] => {
    void this.store.version;
    return [null, ...this.store.on(undefined)];
  });
  /** The page that is looked at; the first when somebody deleted it. */
  readonly page = $derived.by(() => (this.pages.includes(this.#page) ? this.#page : null));
  readonly pageNumber = $derived.by(() => this.pages.indexOf(this.page) + 1);
  /** How many things are on it. */
  readonly count = $derived.by(() => {
    void this.store.version;
    return this.store.on(this.page).length;
  });
  /** Those that are chosen and still there. */
  readonly chosen = $derived.by((): readonly string[] => {
    void this.store.version;
    const { page } = this;
    return this.#chosen.filter((id) => this.store.get(id)?.page === page);
  });
  /** Around what is chosen. */
  readonly chosenBox = $derived.by((): Box | undefined => {
    void this.moves;
    return around(this.chosen.flatMap((id) => (this.get(id) ? [boxOf(this.frame(id))] : [])));
  });
  /** One more with every move of something that is shown here only. */
  moves = $state(0);

  turn(by: number): void {
    const page = this.pages[this.pageNumber - 1 + by];
    if (page !== undefined) this.show(page);
  }

  show(page: string | null): void {
    this.#finish();
    this.#page = page;
    this.choose([]);
    this.fit();
    this.#saying.say({ page: this.page, pointer: null });
    this.#speak(`Page ${this.pageNumber} of ${this.pages.length}`);
  }

  async addPage(): Promise<void> {
    this.#finish();
    const style = styleOf('text', this.choice);
    const made: BoardNew = {
      kind: 'page',
      page: null,
      points: [],
      frame: [0, 0, 0, 0],
      style,
      text: '',
      live: null,
    };
    const reply = await this.#ask({ type: 'add', elements: [made] });
    if (reply?.type !== 'drawn') return;
    const [id] = reply.ids;
    // The page may be told of a moment after it was made.
    if (id !== undefined) {
      this.#page = id;
      this.choose([]);
      this.setCamera({ x: 0, y: 0, zoom: 1 });
      this.#saying.say({ page: id, pointer: null });
    }
  }

  /** The page with all that is on it. The first is always there: it is emptied. */
  removePage(): void {
    const { page } = this;
    if (page === null) this.clear(false);
    else void this.#ask({ type: 'remove', ids: [page], gesture: null });
  }

  clear(own: boolean): void {
    this.#finish();
    void this.#ask({ type: 'clear', page: this.page, own });
  }

  // ── What is on the board ─────────────────────────────────────────────────────────────────────────────────────

  *things(): Generator<[string, BoardElement]> {
    const ids = this.store.on(this.page);
    for (let at = ids.length - 1; at >= 0; at -= 1) {
      const id = ids[at];
      const element = id === undefined ? undefined : this.get(id);
      if (id !== undefined && element) yield [id, element];
    }
  }

  /** As it is shown here. */
  get(id: string): BoardElement | undefined {
    const element = this.store.get(id);
    const frame = this.shifted.get(id);
    return element && frame ? { ...element, frame } : element;
  }

  frame(id: string): Frame {
    return this.shifted.get(id) ?? this.store.get(id)?.frame ?? [0, 0, 0, 0];
  }

  authorOf(id: string): string {
    return this.nameOf(this.store.get(id)?.author ?? '');
  }

  /** “Note: Buy milk”. */
  describe(id: string): string {
    const element = this.store.get(id);
    return element ? describe(element, colorName(element.style.color)) : '';
  }

  nameOf(peer: string): string {
    if (peer === this.store.me) return 'you';
    const known = this.store.names[peer];
    return this.#beside.nameOf(peer) ?? (known === undefined || known === '' ? 'somebody' : known);
  }

  /** Who of the others writes in it right now. */
  writerOf(id: string): string | undefined {
    for (const [peer, { editing }] of this.store.peers) if (editing === id) return peer;
    return undefined;
  }

  /** What the engine told: frames that it knows now need not be remembered, and strokes that are elements not be drawn. */
  follow(ids: readonly string[] | undefined): void {
    for (const [id, frame] of this.shifted) {
      const now = this.store.get(id)?.frame;
      if (!now || (!this.#gesture && now.every((part, at) => part === frame[at]))) this.shifted.delete(id);
    }
    const { me } = this.store;
    const mine = new Set<number>();
    for (const id of ids ?? []) {
      const element = this.store.get(id);
      if (element?.author === me && element.live !== null) mine.add(element.live);
    }
    if (mine.size > 0) this.pending = this.pending.filter(({ number }) => !mine.has(number));
    if (ids === undefined) this.pending = [];
  }

  /** Who of the others draws on another page. */
  readonly elsewhere = $derived.by(() => {
    void this.store.presence;
    return this.store.drawing.flatMap((peer) => {
      const page = this.store.peers.get(peer)?.page;
      const number = page === undefined ? 0 : this.pages.indexOf(page) + 1;
      return page !== undefined && number > 0 && page !== this.page ? [{ peer, page, number }] : [];
    });
  });

  // ── Choosing ─────────────────────────────────────────────────────────────────────────────────────────────────

  choose(ids: readonly string[]): void {
    this.#chosen = ids;
  }

  chooseAll(): void {
    this.tool = 'select';
    this.choose([...this.store.on(this.page)]);
    this.#speak(`${this.chosen.length} chosen`);
  }

  /** From the list: it is chosen and brought into view. */
  pick(id: string, add: boolean): void {
    this.tool = 'select';
    const there = this.#chosen.includes(id);
    if (add) this.choose(there ? this.#chosen.filter((one) => one !== id) : [...this.#chosen, id]);
    else this.choose([id]);
    const element = this.get(id);
    if (!element) return;
    const box = extent(element);
    const part = seen(this.camera, this.view);
    const at = middle(box);
    const inside =
      at.x > part.x && at.x < part.x + part.width && at.y > part.y && at.y < part.y + part.height;
    if (!inside) {
      this.setCamera({ ...this.camera, x: at.x - part.width / 2, y: at.y - part.height / 2 });
    }
  }

  setMarquee(box: Box | undefined): void {
    this.marquee = box;
  }

  setErasing(ids: ReadonlySet<string>): void {
    this.erasing = ids;
  }

  // ── Changing ─────────────────────────────────────────────────────────────────────────────────────────────────

  preview(frames: ReadonlyMap<string, Frame>): void {
    for (const [id, frame] of frames) this.shifted.set(id, frame);
    this.moves += 1;
    this.#changed();
  }

  reframe(frames: ReadonlyMap<string, Frame>, gesture: number, last: boolean): void {
    const changes = [...frames].map(([id, frame]) => ({ id, frame, style: null, text: null, order: null }));
    const tell = () => void this.#ask({ type: 'change', changes, gesture });
    if (!last) {
      // Others see it move, ten times a second; of very much at once only where it comes to lie.
      if (changes.length > FEW) return;
      if (!this.#waiting) this.#beside.after(() => this.#tellMove(), MOVE_MS);
      this.#waiting = tell;
      return;
    }
    this.#waiting = undefined;
    this.preview(frames);
    void this.#ask({ type: 'change', changes, gesture }).then((reply) => {
      // What was refused lies where it lay.
      if (!reply) this.#settle(frames);
    });
    this.#beside.after(() => this.#settle(frames), SETTLED_MS);
  }

  #tellMove(): void {
    const tell = this.#waiting;
    this.#waiting = undefined;
    tell?.();
  }

  #settle(frames: ReadonlyMap<string, Frame>): void {
    for (const [id, frame] of frames) if (this.shifted.get(id) === frame) this.shifted.delete(id);
    this.moves += 1;
    this.#changed();
  }

  remove(ids: readonly string[]): void {
    if (ids.length === 0) return;
    void this.#ask({ type: 'remove', ids: [...ids], gesture: null });
    this.#speak(ids.length === 1 ? 'Deleted' : `${ids.length} deleted`);
  }

  removeChosen(): void {
    this.remove(this.chosen);
    this.choose([]);
  }

  undo(): void {
    this.#finish();
    if (this.store.own.canUndo) void this.#ask({ type: 'undo' });
  }

  redo(): void {
    this.#finish();
    if (this.store.own.canRedo) void this.#ask({ type: 'redo' });
  }

  restore(): void {
    void this.#ask({ type: 'restore' });
  }

  setTool(tool: Tool): void {
    this.#finish();
    this.tool = tool;
    if (tool !== 'select') this.choose([]);
  }

  /** Another colour, width or fill: for what comes, and for what is chosen. */
  setChoice(change: Partial<Choice>): void {
    this.choice = { ...this.choice, ...change };
    const changes = this.chosen.flatMap((id) => {
      const element = this.store.get(id);
      if (!element || element.kind === 'picture') return [];
      const tool: Tool = element.kind === 'page' || element.kind === 'laser' ? 'pen' : element.kind;
      const choice = { ...this.choice, filled: change.filled ?? element.style.fill !== null };
      const wanted = styleOf(tool, choice);
      const style = { ...element.style };
      if (change.color !== undefined && element.kind !== 'note') style.color = wanted.color;
      if (change.width !== undefined) Object.assign(style, { width: wanted.width, size: wanted.size });
      if (change.sheet !== undefined || change.filled !== undefined || style.fill !== null) {
        style.fill = element.kind === 'note' && change.sheet === undefined ? style.fill : wanted.fill;
      }
      return [{ id, frame: null, style, text: null, order: null }];
    });
    if (changes.length > 0) void this.#ask({ type: 'change', changes, gesture: null });
  }

  bring(type: 'front' | 'back'): void {
    const changes = this.chosen.map((id) => ({ id, frame: null, style: null, text: null, order: { type } }));
    if (changes.length > 0) void this.#ask({ type: 'change', changes, gesture: null });
  }

  // ── Drawing ──────────────────────────────────────────────────────────────────────────────────────────────────

  nextStroke(): number {
    return this.store.nextStroke();
  }

  nextGesture(): number {
    this.#gestures += 1;
    return this.#gestures;
  }

  draw(stroke: OwnStroke | undefined): void {
    const current = this.pending.at(-1);
    if (!stroke) {
      if (current && this.#drawing === current.number) this.pending = this.pending.slice(0, -1);
      this.#drawing = undefined;
    } else {
      if (current?.number === stroke.number) this.pending[this.pending.length - 1] = stroke;
      else this.pending = [...this.pending, stroke];
      this.#drawing = stroke.number;
    }
    this.#saying.stroke(stroke);
    this.#changed();
  }

  /** The number of the stroke that the hand draws. */
  #drawing: number | undefined;

  keep(stroke: OwnStroke): void {
    this.draw(stroke);
    this.#drawing = undefined;
    this.#saying.finish();
    const drop = () => {
      this.pending = this.pending.filter(({ number }) => number !== stroke.number);
      this.#changed();
    };
    if (stroke.kind === 'laser') {
      this.trails = [...this.trails, { ...stroke, ended: this.#beside.now() }];
      drop();
      return;
    }
    const { kind, style, page, points, number } = stroke;
    const [x = 0, y = 0, , toX = x, toY = y] = points;
    const made: BoardNew = {
      ...{ kind, page, style, text: '', live: number },
      points: isStroke(kind) ? points : [],
      frame: isStroke(kind)
        ? [0, 0, 0, 0]
        : isLine(kind)
          ? [x, y, toX - x, toY - y]
          : frameOf(boxOf([x, y, toX - x, toY - y])),
    };
    void this.#ask({ type: 'add', elements: [made] }).then((reply) => {
      // What was refused is not on the board: the toast says why.
      if (reply?.type !== 'drawn') drop();
    });
  }

  /** Forgets trails that have faded. Says whether something fades still. */
  age(now: number): boolean {
    this.trails = this.trails.filter(({ ended }) => now - ended < FADE_MS);
    return this.store.age(now) || this.trails.length > 0;
  }

  // ── Writing ──────────────────────────────────────────────────────────────────────────────────────────────────

  write(kind: 'text' | 'note', frame: Frame): void {
    this.#finish();
    const style = styleOf(kind, this.choice);
    this.writing = { id: undefined, kind, frame, style, text: '' };
    this.choose([]);
  }

  /** Takes up a text or a note that is there. */
  edit(id: string): void {
    const element = this.get(id);
    if (!element || (element.kind !== 'text' && element.kind !== 'note')) return;
    const writer = this.writerOf(id);
    if (writer !== undefined) {
      this.#session.tell('hint', 'board_writing', `${this.nameOf(writer)} is writing in it. Wait a moment.`);
      return;
    }
    this.#finish();
    const { kind, frame, style, text } = element;
    this.writing = { id, kind, frame: frameOf(boxOf(frame)), style, text };
    this.choose([]);
    this.#saying.say({ editing: id });
  }

  /** What is written is put on the board; `false`: it is given up. */
  finishWriting(keep = true): void {
    const { writing } = this;
    if (!writing) return;
    this.writing = undefined;
    this.#saying.say({ editing: null });
    const text = writing.text.trimEnd();
    const { id, kind, style } = writing;
    const before = id === undefined ? undefined : this.store.get(id);
    if (!keep || (id !== undefined && !before) || text === before?.text) return;
    if (text === '' && kind === 'text') {
      if (id !== undefined) this.remove([id]);
      return;
    }
    const frame = this.frameOfWriting({ ...writing, text });
    if (id === undefined) {
      const made: BoardNew = { kind, page: this.page, points: [], frame, style, text, live: null };
      void this.#ask({ type: 'add', elements: [made] }).then((reply) => {
        if (reply?.type === 'drawn') this.#putDown(reply.ids);
        // What was refused is not lost: it can be mended.
        else this.writing = { ...writing, text };
      });
      return;
    }
    const changes = [{ id, frame, style: null, text, order: null }];
    void this.#ask({ type: 'change', changes, gesture: null }).then((reply) => {
      if (!reply) this.writing = { ...writing, text };
    });
  }

  /** After a text, note or picture was put down it is what is looked at. */
  #putDown(ids: readonly string[]): void {
    this.tool = 'select';
    this.choose(ids);
  }

  /** As large as what it says needs. */
  frameOfWriting({ kind, frame, style, text }: Writing): Frame {
    const [x, y, width, height] = frame;
    const { measure } = this.#beside;
    if (kind === 'note') return [x, y, width, Math.max(height, noteHeight(text, width, style.size, measure))];
    const most = width > 0 ? width : TEXT_WIDTH;
    const size = naturalSize(text, style.size, most, measure);
    return [x, y, width > 0 ? width : size.width, size.height];
  }

  // ── Pictures and files ───────────────────────────────────────────────────────────────────────────────────────

  /** Base64 of a picture that the page made small enough, and its size in pixels. */
  async addPicture(data: string, size: { width: number; height: number }): Promise<void> {
    this.#finish();
    const part = seen(this.camera, this.view);
    // At 100% where it fits, else two thirds of what is seen.
    const by = Math.min(
      1,
      (part.width * 0.66) / (size.width * 10),
      (part.height * 0.66) / (size.height * 10),
    );
    const width = Math.max(10, size.width * 10 * by);
    const height = Math.max(10, size.height * 10 * by);
    const at = middle(part);
    const frame = [at.x - width / 2, at.y - height / 2, width, height].map(Math.round) as Frame;
    const reply = await this.#ask({ type: 'add_picture', page: this.page, frame, data });
    if (reply?.type === 'drawn') this.#putDown(reply.ids);
  }

  async picture(hash: string): Promise<string | undefined> {
    const reply = await this.#ask({ type: 'picture', hash });
    return reply?.type === 'picture' ? reply.data : undefined;
  }

  /** `png`: what the page has drawn, in base64; without it the engine writes an SVG. */
  async save(png: string | null, utcOffset: number): Promise<void> {
    const reply = await this.#ask({ type: 'save', page: this.page, png, file: null, utcOffset });
    if (reply?.type === 'saved') {
      this.#session.tell('info', 'board_saved', `The page was saved as ${reply.file}.`);
    }
  }

  /** A sentence in a toast. */
  tell(code: string, message: string): void {
    this.#session.tell('error', code, message);
  }

  // ── Looking ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** Whether all of the page is shown, and nobody has moved it since. */
  #fits = false;

  setCamera(camera: Camera): void {
    this.#fits = false;
    this.camera = camera;
  }

  resized(view: View): void {
    const before = this.view;
    this.view = view;
    // Whoever has not moved it yet sees all of it; else what was in the middle stays there.
    if (this.#fits || before.width === 0 || before.height === 0) this.fit();
    else
      this.camera = panned(this.camera, (view.width - before.width) / 2, (view.height - before.height) / 2);
  }

  /** All that is on the page; of an empty one the middle of the board. */
  fit(): void {
    if (this.view.width === 0 || this.view.height === 0) return;
    this.#fits = true;
    const all = around([...this.things()].map(([, element]) => extent(element)));
    this.camera = fitted(
      all ?? { x: 0, y: 0, width: 0, height: 0 },
      this.view,
      this.view.height > LOW ? INSET : LOW_INSET,
    );
  }

  zoom(factor: number, at: Point = { x: this.view.width / 2, y: this.view.height / 2 }): void {
    this.setCamera(zoomed(this.camera, at, factor));
  }

  zoomTo(zoom: number): void {
    this.zoom(zoom / this.camera.zoom);
  }

  pan(dx: number, dy: number): void {
    this.setCamera(panned(this.camera, dx, dy));
  }

  pinch(from: readonly [Point, Point], to: readonly [Point, Point]): void {
    this.setCamera(pinched(this.camera, from, to));
  }

  // ── Hands ────────────────────────────────────────────────────────────────────────────────────────────────────

  #touch({ view, pressure, straight }: Omit<Touch, 'at'>): Touch {
    return { view, at: toBoard(this.camera, view), pressure, straight };
  }

  down(down: Down): void {
    this.#finish();
    if (down.kind === 'pen') this.#penSeen = true;
    const first = this.#touch(down);
    const slack = SLACK[down.kind] / scale(this.camera);
    this.#gesture = this.#begin(down, first, slack);
    this.busy = true;
    this.#changed();
  }

  #begin({ kind, button, view }: Down, first: Touch, slack: number): Gesture {
    // Where a pen is used, the hand that holds it rests on the board.
    const moves = button === 1 || this.tool === 'hand' || (kind === 'touch' && this.#penSeen);
    if (moves) return gestures.pan(this, first, panned);
    const { tool, page, choice } = this;
    const style = styleOf(tool, choice);
    switch (tool) {
      case 'pen':
      case 'marker':
        return gestures.stroke(this, first, { kind: tool, style, page });
      case 'laser': {
        const width = Math.round(LASER / scale(this.camera));
        return gestures.stroke(this, first, { kind: 'laser', style: { ...style, width }, page });
      }
      case 'eraser':
        return gestures.erase(this, first);
      case 'text':
      case 'note':
        return gestures.place(this, first, tool, (id) => this.edit(id));
      case 'select':
      case 'hand':
        return this.#select(first, slack, view);
      default:
        return gestures.shape(this, first, { kind: tool, style, page });
    }
  }

  #select(first: Touch, slack: number, view: Point): Gesture {
    const handle = this.handleAt(view, slack * scale(this.camera));
    const box = this.chosenBox;
    if (handle && box) return gestures.resize(this, first, handle, box);
    // The second press of two takes up a text.
    const id = this.at(first.at, slack);
    const before = this.#pressed;
    const when = this.#beside.now();
    this.#pressed = { at: view, id, when };
    const twice =
      before !== undefined &&
      id !== undefined &&
      before.id === id &&
      when - before.when < TWICE_MS &&
      Math.hypot(before.at.x - view.x, before.at.y - view.y) < 8;
    const chosen = gestures.select(this, first, slack);
    if (!twice) return chosen;
    return { ...chosen, end: () => this.edit(id) };
  }

  /** The uppermost thing there. */
  at(point: Point, slack: number): string | undefined {
    for (const [id, element] of this.things()) if (hit(element, point, slack)) return id;
    return undefined;
  }

  /** Of what is chosen: where they stand in the view. */
  readonly grips = $derived.by((): { handle: Handle; at: Point }[] => {
    const box = this.chosenBox;
    if (!box || this.tool !== 'select') return [];
    const chosen = this.chosen.flatMap((id) => this.get(id) ?? []);
    return handles(chosen, box).map(({ handle, at }) => ({ handle, at: toView(this.camera, at) }));
  });

  handleAt(view: Point, slack: number): Handle | undefined {
    const reach = slack + 4;
    return this.grips.find(({ at }) => Math.hypot(at.x - view.x, at.y - view.y) <= reach)?.handle;
  }

  move(list: readonly Omit<Touch, 'at'>[]): void {
    const last = list.at(-1);
    if (!last) return;
    this.#gesture?.move(list.map((one) => this.#touch(one)));
    const { x, y } = toBoard(this.camera, last.view);
    this.#saying.say({ page: this.page, pointer: [Math.round(x), Math.round(y)] });
  }

  up(): void {
    const gesture = this.#gesture;
    this.#gesture = undefined;
    this.busy = false;
    gesture?.end();
    this.follow([]);
    this.#changed();
  }

  cancel(): void {
    const gesture = this.#gesture;
    this.#gesture = undefined;
    this.busy = false;
    gesture?.cancel();
    this.#changed();
  }

  /** The pointer has left the board. */
  left(): void {
    this.#saying.say({ pointer: null });
  }

  /** Something else is done now. */
  #finish(): void {
    if (this.#gesture) this.up();
    this.finishWriting();
  }

  // ── Being there ──────────────────────────────────────────────────────────────────────────────────────────────

  /** Whether the window shows the board. */
  shown(on: boolean): void {
    if (!on) {
      this.#finish();
      this.#saying.stop();
    }
    this.#session.watchLive('board', on);
    if (on) this.#saying.say({ page: this.page, pointer: null });
  }

  #speak(text: string): void {
    // The same sentence twice would be read once.
    this.says = this.says === text ? `${text}\u00a0` : text;
  }

  // ── Keys ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Says whether the key was the board’s. */
  keyDown(press: KeyPress): boolean {
    const shift = press.shiftKey === true;
    if (press.altKey) return false;
    if (press.ctrlKey || press.metaKey) return this.#command(press.key.toLowerCase(), shift);
    const tool = press.repeat ? undefined : TOOLS.find(({ key }) => key === press.key.toUpperCase());
    if (tool) {
      this.setTool(tool.id);
      this.#speak(tool.name);
      return true;
    }
    switch (press.key) {
      case 'ArrowLeft':
        return this.#arrow(-1, 0, shift, press.target);
      case 'ArrowRight':
        return this.#arrow(1, 0, shift, press.target);
      case 'ArrowUp':
        return this.#arrow(0, -1, shift, press.target);
      case 'ArrowDown':
        return this.#arrow(0, 1, shift, press.target);
      case 'Delete':
      case 'Backspace':
        if (this.chosen.length > 0) this.removeChosen();
        return true;
      case 'Enter':
        return this.#enter(press.target);
      case '+':
      case '=':
        this.zoom(ZOOM_STEP);
        return true;
      case '-':
        this.zoom(1 / ZOOM_STEP);
        return true;
      case '0':
        this.fit();
        return true;
      case 'PageUp':
        this.turn(-1);
        return true;
      case 'PageDown':
        this.turn(1);
        return true;
      case 'Escape':
        return this.#escape();
      default:
        return false;
    }
  }

  #command(key: string, shift: boolean): boolean {
    switch (key) {
      case 'z':
        if (shift) this.redo();
        else this.undo();
        return true;
      case 'y':
        this.redo();
        return true;
      case 'a':
        this.chooseAll();
        return true;
      case 'd':
        this.duplicate();
        return true;
      default:
        return false;
    }
  }

  #arrow(dx: number, dy: number, far: boolean, target: unknown): boolean {
    // In the rail and in the list they walk.
    if (target instanceof HTMLElement && target.closest('[role="toolbar"], [role="radiogroup"]'))
      return false;
    if (this.chosen.length > 0) this.nudge(dx, dy, far);
    else this.pan(-dx * PAN, -dy * PAN);
    return true;
  }

  /** Moves what is chosen by a step, or a large one. */
  nudge(dx: number, dy: number, far: boolean): void {
    const by = STEP * (far ? 10 : 1);
    const frames = new Map(this.chosen.map((id) => [id, movedBy(this.frame(id), dx * by, dy * by)]));
    if (frames.size === 0) return;
    this.#nudge ??= this.nextGesture();
    this.reframe(frames, this.#nudge, true);
    this.#nudged?.();
    this.#nudged = this.#beside.after(() => (this.#nudge = undefined), TWICE_MS * 2);
  }

  /** Presses of arrow keys that follow each other are one step of undo. */
  #nudge: number | undefined;
  #nudged: (() => void) | undefined;

  /** Enter puts what the tool makes into the middle of what is seen, so that nobody needs a mouse; or takes up a text. */
  #enter(target: unknown): boolean {
    if (target instanceof HTMLElement && target.closest('button, a, input, select')) return false;
    const [id] = this.chosen;
    if (id !== undefined && this.chosen.length === 1 && isWritten(this.store.get(id)?.kind ?? 'pen')) {
      this.edit(id);
      return true;
    }
    const { x, y } = middle(seen(this.camera, this.view));
    const half = NOTE / 2;
    const { tool } = this;
    if (tool === 'text') this.write('text', [Math.round(x - half), Math.round(y), 0, 0]);
    else if (tool === 'note') this.write('note', [Math.round(x - half), Math.round(y - half), NOTE, NOTE]);
    else if (tool === 'rectangle' || tool === 'ellipse' || tool === 'line' || tool === 'arrow') {
      const corners = [x - half, y - half / 2, 128, x + half, y + half / 2, 128].map(Math.round);
      const style = styleOf(tool, this.choice);
      const number = this.nextStroke();
      this.keep({ number, kind: tool, style, page: this.page, points: corners });
      this.#speak(`${TOOLS.find((one) => one.id === tool)?.name ?? ''} added`);
    } else return false;
    return true;
  }

  /** Gives up one thing at a time; `false` when there is nothing left, and Esc is the call’s. */
  #escape(): boolean {
    if (this.#gesture) this.cancel();
    else if (this.chosen.length > 0) this.choose([]);
    else return false;
    return true;
  }

  /** A copy of what is chosen, a little beside it. */
  duplicate(): void {
    const elements = this.chosen.flatMap((id): BoardNew[] => {
      const element = this.get(id);
      if (!element || element.kind === 'picture') return [];
      const { kind, page, style, text, frame, points, natural } = element;
      const [x, y, width, height] = movedBy(frame, BESIDE, BESIDE);
      const sx = natural[0] === 0 ? 1 : width / natural[0];
      const sy = natural[1] === 0 ? 1 : height / natural[1];
      const moved = points.map((value, at) =>
        at % 3 === 0 ? Math.round(x + value * sx) : at % 3 === 1 ? Math.round(y + value * sy) : value,
      );
      return [{ kind, page, style, text, frame: [x, y, width, height], points: moved, live: null }];
    });
    if (elements.length === 0 || elements.length > MOST_AT_ONCE) return;
    void this.#ask({ type: 'add', elements }).then((reply) => {
      if (reply?.type === 'drawn') this.#putDown(reply.ids);
    });
  }
}

/** The tools stand at the left; in a view that is lower than this, below (`BoardRail`). The rest is above. */
const LOW = 480;
const INSET = { top: 64, right: 28, bottom: 28, left: 76 };
const LOW_INSET = { top: 52, right: 16, bottom: 56, left: 16 };
/** Two presses within are one double press. */
const TWICE_MS = 400;
/** How often others are told of what moves, and of how many things. */
const MOVE_MS = 100;
const FEW = 50;
/** Where a copy lies. */
const BESIDE = 200;
/** As many as the engine takes. */
const MOST_AT_ONCE = 500;
