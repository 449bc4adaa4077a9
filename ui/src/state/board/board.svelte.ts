/* eslint-disable svelte/prefer-svelte-reactivity -- of thousands of things a few change, and whoever draws them is told which */
import type { BoardCommand, BoardElement, Reply } from '../../core/core';
import type { KeyPress } from '../keys';
import type { Session } from '../session.svelte';
import { panned, scale, toBoard, toView, type Camera } from './camera';
import { describe, extent } from './element';
import { around, boxOf, middle, type Box, type Frame, type Point } from './geometry';
import * as gestures from './gestures';
import type { Desk, Gesture, OwnStroke, Touch } from './gestures';
import { hit } from './hit';
import type { Host } from './host';
import { keyDown } from './keys';
import { Looking } from './looking.svelte';
import { Moving } from './moving.svelte';
import { Pages } from './pages.svelte';
import { handles, movedBy, type Handle } from './resize';
import { copied, restyled } from './restyle';
import { Saying } from './saying';
import { OwnStrokes } from './strokes';
import type { Measure } from './text';
import { Texts } from './texts.svelte';
import { colorName, COLORS, LASER, SHEETS, styleOf, type Choice, type Tool } from './tools';
import { t } from '../../words';

/** What the board’s screen reaches outside it. */
export interface Beside {
  /** What somebody who is here is called; `undefined` for whoever has left. */
  nameOf: (id: string) => string | undefined;
  measure: Measure;
  /** Milliseconds of any clock. */
  now: () => number;
  after: (callback: () => void, ms: number) => () => void;
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
/** Two presses within are one double press. */
const TWICE_MS = 400;
/** As many as the engine takes. */
const MOST_AT_ONCE = 500;

/** What only this window knows of the board: the tool, what is chosen, what part is looked at, what is being drawn. */
export class BoardModel implements Desk {
  tool = $state<Tool>('pen');
  choice = $state.raw<Choice>({ color: COLORS[0].value, sheet: SHEETS[0].value, width: 1, filled: false });
  marquee = $state.raw<Box>();
  erasing = $state.raw<ReadonlySet<string>>(new Set());
  /** Something for whoever hears the board; each time another text. */
  says = $state('');
  /** Whether a hand is doing something. */
  busy = $state(false);
  #chosen = $state.raw<readonly string[]>([]);

  readonly looking: Looking;
  readonly pages: Pages;
  readonly texts: Texts;
  readonly moving: Moving;
  readonly strokes: OwnStrokes;
  readonly measure: Measure;
  readonly #session: Session;
  readonly #beside: Beside;
  readonly #saying: Saying;
  readonly #listeners = new Set<() => void>();
  #gesture: Gesture | undefined;
  #gestures = 0;
  /** Whether a pen was ever used here. */
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
    const host: Host = {
      store: session.board,
      saying: this.#saying,
      ask: (command) => this.#ask(command),
      changed: () => this.#changed(),
      finish: () => this.#finish(),
      speak: (text) => this.speak(text),
      now: beside.now,
      after: beside.after,
    };
    this.measure = beside.measure;
    this.looking = new Looking(() => around([...this.things()].map(([, element]) => extent(element))));
    this.pages = new Pages(host, this.looking, this);
    this.texts = new Texts(host, this);
    this.moving = new Moving(host);
    this.strokes = new OwnStrokes(host);
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

  /** The page that is looked at. */
  get page(): string | null {
    return this.pages.page;
  }

  /** Those that are chosen and still there. */
  readonly chosen = $derived.by((): readonly string[] => {
    void this.store.version;
    const { page } = this;
    return this.#chosen.filter((id) => this.store.get(id)?.page === page);
  });
  /** Around what is chosen. */
  readonly chosenBox = $derived.by((): Box | undefined => {
    void this.moving.moves;
    return around(this.chosen.flatMap((id) => (this.get(id) ? [boxOf(this.frame(id))] : [])));
  });

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
    const frame = this.moving.shifted.get(id);
    return element && frame ? { ...element, frame } : element;
  }

  frame(id: string): Frame {
    return this.moving.shifted.get(id) ?? this.store.get(id)?.frame ?? [0, 0, 0, 0];
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
    if (peer === this.store.me) return t('board.you');
    const known = this.store.names[peer];
    return this.#beside.nameOf(peer) ?? (known === undefined || known === '' ? t('board.somebody') : known);
  }

  /** Who of the others writes in it right now. */
  writerOf(id: string): string | undefined {
    for (const [peer, { editing }] of this.store.peers) if (editing === id) return peer;
    return undefined;
  }

  /** Says whether somebody else writes in it; then a toast tells who. */
  isTaken(id: string): boolean {
    const writer = this.writerOf(id);
    if (writer === undefined) return false;
    this.#session.tell('hint', 'board_writing', t('board.is_writing_in_it', { name: this.nameOf(writer) }));
    return true;
  }

  /** What the engine told. */
  follow(ids: readonly string[] | undefined): void {
    this.moving.follow(this.#gesture !== undefined);
    this.strokes.follow(ids);
  }

  // ── Choosing ─────────────────────────────────────────────────────────────────────────────────────────────────

  choose(ids: readonly string[]): void {
    this.#chosen = ids;
  }

  chooseAll(): void {
    this.tool = 'select';
    this.choose([...this.store.on(this.page)]);
    this.speak(t('board.chosen', { count: this.chosen.length }));
  }

  /** From the list: it is chosen and brought into view. */
  pick(id: string, add: boolean): void {
    this.tool = 'select';
    const there = this.#chosen.includes(id);
    if (add) this.choose(there ? this.#chosen.filter((one) => one !== id) : [...this.#chosen, id]);
    else this.choose([id]);
    const element = this.get(id);
    if (!element) return;
    this.looking.bring(middle(extent(element)));
  }

  setMarquee(box: Box | undefined): void {
    this.marquee = box;
  }

  setErasing(ids: ReadonlySet<string>): void {
    this.erasing = ids;
  }

  // ── Changing ─────────────────────────────────────────────────────────────────────────────────────────────────

  preview(frames: ReadonlyMap<string, Frame>): void {
    this.moving.preview(frames);
  }

  reframe(frames: ReadonlyMap<string, Frame>, gesture: number, last: boolean): void {
    this.moving.reframe(frames, gesture, last);
  }

  remove(ids: readonly string[]): void {
    if (ids.length === 0) return;
    void this.#ask({ type: 'remove', ids: [...ids], gesture: null });
    this.speak(t('board.deleted', { count: ids.length }));
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
      const style = element && restyled(element, this.choice, change);
      return style ? [{ id, frame: null, style, text: null, order: null }] : [];
    });
    if (changes.length > 0) void this.#ask({ type: 'change', changes, gesture: null });
  }

  bring(type: 'front' | 'back'): void {
    const changes = this.chosen.map((id) => ({ id, frame: null, style: null, text: null, order: { type } }));
    if (changes.length > 0) void this.#ask({ type: 'change', changes, gesture: null });
  }

  /** A copy of what is chosen, a little beside it. */
  duplicate(): void {
    const elements = this.chosen.flatMap((id) => {
      const element = this.get(id);
      return element ? (copied(element) ?? []) : [];
    });
    if (elements.length === 0 || elements.length > MOST_AT_ONCE) return;
    void this.#ask({ type: 'add', elements }).then((reply) => {
      if (reply?.type === 'drawn') this.putDown(reply.ids);
    });
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

  /** After a text, note or picture was put down it is what is looked at. */
  putDown(ids: readonly string[]): void {
    this.tool = 'select';
    this.choose(ids);
  }

  // ── Pictures and files ───────────────────────────────────────────────────────────────────────────────────────

  /** Base64 of a picture that the page made small enough, and its size in pixels. */
  async addPicture(data: string, size: { width: number; height: number }): Promise<void> {
    this.#finish();
    const { part } = this.looking;
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
    if (reply?.type === 'drawn') this.putDown(reply.ids);
  }

  async picture(hash: string): Promise<string | undefined> {
    const reply = await this.#ask({ type: 'picture', hash });
    return reply?.type === 'picture' ? reply.data : undefined;
  }

  /** `png`: what the page has drawn, in base64; without it the engine writes an SVG. */
  async save(png: string | null, utcOffset: number): Promise<void> {
    const reply = await this.#ask({ type: 'save', page: this.page, png, file: null, utcOffset });
    if (reply?.type === 'saved') {
      this.#session.tell('info', 'board_saved', t('board.saved', { file: reply.file }));
    }
  }

  /** A sentence in a toast. */
  tell(code: string, message: string): void {
    this.#session.tell('error', code, message);
  }

  // ── Hands ────────────────────────────────────────────────────────────────────────────────────────────────────

  get camera(): Camera {
    return this.looking.camera;
  }

  setCamera(camera: Camera): void {
    this.looking.set(camera);
  }

  nextStroke(): number {
    return this.strokes.next();
  }

  nextGesture(): number {
    this.#gestures += 1;
    return this.#gestures;
  }

  draw(stroke: OwnStroke | undefined): void {
    this.strokes.draw(stroke);
  }

  keep(stroke: OwnStroke): void {
    this.strokes.keep(stroke);
  }

  write(kind: 'text' | 'note', frame: Frame): void {
    this.texts.write(kind, frame);
  }

  /** Forgets what has faded or was given up. Says whether something ends by itself still. */
  age(now: number): boolean {
    const ours = this.strokes.age(now);
    return this.store.age(now) || ours;
  }

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
        return gestures.place(this, first, tool, (id) => this.texts.edit(id));
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
    return { ...chosen, end: () => this.texts.edit(id) };
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
    this.texts.finish();
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

  speak(text: string): void {
    // The same sentence twice would be read once.
    this.says = this.says === text ? `${text}\u00a0` : text;
  }

  // ── Keys ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Says whether the key was the board’s. */
  keyDown(press: KeyPress): boolean {
    return keyDown(this, press);
  }

  /** Gives up one thing at a time; `false` when there is nothing left, and Esc is the call’s. */
  giveUp(): boolean {
    if (this.#gesture) this.cancel();
    else if (this.chosen.length > 0) this.choose([]);
    else return false;
    return true;
  }
}
