import type { BoardKind, BoardStyle, SketchCommand, SketchLanguage, SketchView } from '../core/core';
import type { Point } from './board/geometry';
import type { OwnStroke } from './board/gestures';
import { Saying } from './board/saying';
import { Drawn, NO_PRESSURE } from './board/stroke';
import { COLORS, MARKER, SIZES, WIDTHS } from './board/tools';
import { isolated } from './format';
import { isYou } from './game';
import { isTextField, type KeyPress } from './keys';
import type { Session } from './session.svelte';
import { isSaid, secondsLeft, SHEET, standing, told, winner } from './sketch';
import { t } from '../words';

/** What the game reaches outside its screen. */
export interface BesideSketch {
  /** What somebody who is here is called. */
  nameOf: (id: string) => string;
  now: () => number;
  after: (callback: () => void, ms: number) => () => void;
}

/** How far an arrow key moves the pen, in the sheet’s lengths; with Shift further. */
const STEP = 100;
const FAR = 400;

/** What only the window knows of a game of *Draw and guess*: the pen, what is typed, what was said of it. */
export class SketchModel {
  /** What a screen reader is told. */
  says = $state('');
  busy = $state(false);
  draft = $state('');
  tool = $state<'pen' | 'marker'>('pen');
  color = $state<string>(COLORS[0].value);
  /** Of `WIDTHS`. */
  width = $state(1);
  /** What is drawn by our own hand. */
  held = $state.raw<OwnStroke>();
  /** Strokes of ours that the engine has not said yet. */
  pending = $state.raw<readonly OwnStroke[]>([]);
  /** Where the keys have moved the pen; `undefined`: it is drawn with a mouse or a finger. */
  cursor = $state.raw<Point>();
  /** Milliseconds since 1970, as far as somebody looks. */
  now = $state(0);

  readonly #session: Session;
  readonly #beside: BesideSketch;
  readonly #saying: Saying;
  #followed: SketchView | null | undefined;
  #drawn: Drawn | undefined;
  #number = 0;
  #said: number | undefined;
  /** What people were called when they were here. */
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- nobody watches it
  readonly #names = new Map<string, string>();

  constructor(session: Session, beside: BesideSketch) {
    this.#session = session;
    this.#beside = beside;
    this.#saying = new Saying(
      ({ stroke }) => this.drawing && void this.command({ type: 'live', stroke }),
      beside.after,
    );
  }

  readonly me = $derived.by(() => this.#session.games?.me ?? '');
  readonly game = $derived.by(() => this.#session.games?.sketch ?? null);
  /** It changes with every stroke; whoever reads it draws. */
  readonly sheet = $derived.by(() => this.#session.sheet);
  readonly standing = $derived.by(() => standing(this.game?.players ?? []));
  readonly hosting = $derived.by(() => this.game !== null && this.game.host === this.me);
  readonly ours = $derived.by(() => this.game !== null && this.game.drawer === this.me);
  /** Whether our pen is on the sheet. */
  readonly drawing = $derived.by(() => this.ours && this.game?.phase === 'drawing');
  readonly guessing = $derived.by(() => this.game?.guessing ?? false);
  readonly left = $derived.by(() => this.game && secondsLeft(this.game, this.now));
  readonly canUndo = $derived.by(() => this.drawing && (this.sheet?.strokes.length ?? 0) > 0);
  readonly canClear = $derived.by(() => this.drawing && (this.sheet?.strokes.at(-1) ?? null) !== null);
  readonly lacking = $derived.by(() => {
    const { game } = this;
    return game && game.players.length < 2 ? t('games.lacking') : undefined;
  });
  /** Who does what now, in a few words. */
  readonly headline = $derived.by(() => {
    const { game } = this;
    if (!game) return '';
    const name = game.drawer === null ? '' : this.nameOf(game.drawer);
    switch (game.phase) {
      case 'lobby':
        return t('games.who_plays');
      case 'choosing':
        return t('games.chooses', { you: isYou(name), name });
      case 'drawing':
        return t('games.draws', { you: isYou(name), name });
      case 'pause':
        return game.word === null ? t('games.left_turn', { name }) : t('games.the_word_was');
      case 'over':
        return winner(game, (id) => this.nameOf(id));
    }
  });
  /** Why we do not guess. */
  readonly note = $derived.by(() => {
    const { game } = this;
    if (!game) return '';
    if (game.stalled) return t('games.host_gone', { name: isolated(this.nameOf(game.host)) });
    if (game.phase !== 'drawing' || this.ours || this.guessing) return '';
    const own = game.players.find(({ peer }) => peer === this.me);
    if (game.said.some(({ peer, verdict }) => peer === this.me && verdict === 'right')) {
      return t('games.you_have_it');
    }
    return own?.next === true ? t('games.next_turn') : t('games.watching');
  });

  nameOf(id: string): string {
    if (id === this.me) return t('app.you');
    return this.#names.get(id) ?? this.#beside.nameOf(id);
  }

  /** The game has changed. */
  follow(): void {
    const { game } = this;
    const ids = [...(game?.players ?? []).map(({ peer }) => peer), game?.drawer, game?.host];
    for (const id of ids) {
      const here = this.#session.call?.participants.some((one) => one.id === id);
      if (id !== null && id !== undefined && here === true) this.#names.set(id, this.#beside.nameOf(id));
    }
    const says = told(this.#followed, game, (id) => this.nameOf(id));
    if (says.length > 0) this.says = says.join(' ');
    this.#followed = game;
    if (!this.drawing) this.#letGo();
    if (!this.guessing) this.draft = '';
  }

  /** The sheet has changed: what the engine has said is not pending any more. */
  followSheet(): void {
    // eslint-disable-next-line svelte/prefer-svelte-reactivity -- made and used in one go
    const known = new Set((this.sheet?.strokes ?? []).map((stroke) => stroke?.number));
    const left = this.pending.filter(({ number }) => !known.has(number));
    if (left.length < this.pending.length) this.pending = left;
    // Numbers go on from what was drawn before the window was loaded anew.
    for (const number of known)
      if (this.ours && number !== undefined) this.#number = Math.max(this.#number, number);
  }

  tick(): void {
    this.now = this.#beside.now();
    const left = this.left ?? undefined;
    if (left === this.#said) return;
    this.#said = left;
    if (left !== undefined && isSaid(left)) this.says = t('games.seconds_left', { count: left });
  }

  #letGo(): void {
    this.#drawn = undefined;
    this.held = undefined;
    this.cursor = undefined;
    this.pending = [];
  }

  // ── What a person does ───────────────────────────────────────────────────────────────────────────────────────

  async offer(language: SketchLanguage, rounds: number, seconds: number): Promise<void> {
    await this.#ask({ type: 'offer', language, rounds, seconds });
  }

  async join(game: string, watch: boolean): Promise<void> {
    await this.#ask({ type: 'join', game, watch });
  }

  async start(): Promise<void> {
    await this.#ask({ type: 'start' });
  }

  async choose(word: number): Promise<void> {
    await this.#ask({ type: 'choose', word });
  }

  async leave(): Promise<void> {
    await this.#ask({ type: 'leave' });
  }

  /** Says what is typed; what could not be said stays to be said again. */
  async guess(): Promise<void> {
    const text = this.draft.trim();
    if (text === '' || !this.guessing) return;
    this.draft = '';
    if (!(await this.command({ type: 'guess', text })) && this.draft === '' && this.guessing)
      this.draft = text;
  }

  undo(): void {
    if (this.canUndo) void this.command({ type: 'undo' });
  }

  clear(): void {
    if (this.canClear) void this.command({ type: 'clear' });
  }

  async #ask(command: SketchCommand): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    await this.command(command);
    this.busy = false;
  }

  command(command: SketchCommand): Promise<boolean> {
    return this.#session.ask({ type: 'sketch', command });
  }

  // ── The pen ──────────────────────────────────────────────────────────────────────────────────────────────────

  get style(): BoardStyle {
    const line = WIDTHS[this.width]?.value ?? WIDTHS[1].value;
    // The sheet is smaller than a board: a pen is twice as broad on it.
    const width = 2 * line * (this.tool === 'marker' ? MARKER / 2 : 1);
    return { color: this.color, fill: null, width, size: SIZES[1] };
  }

  /** The pen is put down at a place of the sheet. `pressure` from 0 to 255. */
  down(at: Point, pressure: number): void {
    if (!this.drawing || this.#drawn) return;
    const { x, y } = within(at);
    this.#drawn = new Drawn(x, y, pressure);
    this.#number += 1;
    const kind: BoardKind = this.tool;
    this.#show({ number: this.#number, kind, style: this.style, page: null, points: this.#drawn.points });
  }

  /** It is moved. `zoom` says how large a pixel is. */
  move(places: readonly { at: Point; pressure: number }[], zoom: number): void {
    const { held } = this;
    if (!this.#drawn || !held) return;
    let some = false;
    for (const { at, pressure } of places) {
      const { x, y } = within(at);
      some = this.#drawn.follow(x, y, pressure, zoom) || some;
    }
    if (some) this.#show({ ...held });
  }

  /** It is lifted: the stroke is finished. */
  up(): void {
    const { held } = this;
    if (!this.#drawn || !held) return;
    this.#drawn.end();
    this.#drawn = undefined;
    this.held = undefined;
    this.#saying.finish();
    const stroke = { ...held, points: [...held.points] };
    this.pending = [...this.pending, stroke];
    const { number, kind, style, points } = stroke;
    void this.command({ type: 'draw', stroke: { number, kind, style, points } }).then((done) => {
      if (!done) this.pending = this.pending.filter((one) => one.number !== number);
    });
  }

  /** What it did is given up. */
  cancel(): void {
    if (!this.#drawn) return;
    this.#drawn = undefined;
    this.held = undefined;
    this.#saying.stroke(undefined);
  }

  #show(stroke: OwnStroke): void {
    this.held = stroke;
    this.#saying.stroke(stroke);
  }

  setTool(tool: 'pen' | 'marker'): void {
    this.tool = tool;
  }

  /** Draws by keys, where the sheet has the focus: arrows move the pen, Enter puts it down and lifts it. */
  sheetKey({ key, shiftKey }: Pick<KeyPress, 'key' | 'shiftKey'>): boolean {
    if (!this.drawing) return false;
    const at = this.cursor ?? { x: SHEET.width / 2, y: SHEET.height / 2 };
    if (key === 'Enter') {
      this.cursor = at;
      if (this.#drawn) {
        this.up();
        this.says = t('games.pen_lifted');
      } else {
        this.down(at, NO_PRESSURE);
        this.says = t('games.pen_down');
      }
      return true;
    }
    const by = shiftKey === true ? FAR : STEP;
    const [dx, dy] = { ArrowLeft: [-by, 0], ArrowRight: [by, 0], ArrowUp: [0, -by], ArrowDown: [0, by] }[
      key
    ] ?? [0, 0];
    if (dx === 0 && dy === 0) return false;
    const to = within({ x: at.x + (dx ?? 0), y: at.y + (dy ?? 0) });
    this.cursor = to;
    // What follows a hand lags behind it; keys mean where they are.
    this.move(
      Array.from({ length: 4 }, () => ({ at: to, pressure: NO_PRESSURE })),
      1,
    );
    return true;
  }

  /** Keys of ours while it is our turn: tools, and what was drawn last. */
  keyDown(press: KeyPress): boolean {
    if (!this.drawing || isTextField(press.target)) return false;
    const key = press.key.toLowerCase();
    if ((press.ctrlKey || press.metaKey) && key === 'z') {
      this.undo();
      return true;
    }
    if (press.ctrlKey || press.altKey || press.metaKey) return false;
    if (key === 'p' || key === 'f') {
      this.setTool(key === 'p' ? 'pen' : 'marker');
      return true;
    }
    if (press.target instanceof HTMLElement && press.target.closest('[data-sheet]'))
      return this.sheetKey(press);
    return false;
  }
}

/** What lies beside the sheet is at its edge. */
function within({ x, y }: Point): Point {
  return { x: Math.min(SHEET.width, Math.max(0, x)), y: Math.min(SHEET.height, Math.max(0, y)) };
}
