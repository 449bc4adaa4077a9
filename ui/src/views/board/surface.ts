import type { BoardElement } from '../../core/core';
import type { BoardModel } from '../../state/board/board.svelte';
import { scale, toView } from '../../state/board/camera';
import { extent } from '../../state/board/element';
import { around, boxOf, grown, overlap, type Box, type Point } from '../../state/board/geometry';
import { FADE_MS, type LivePeer } from '../../state/board/store.svelte';
import { gridOf } from '../../state/board/tiles';
import { ERASER } from '../../state/board/tools';
import { Painter, type PictureOf } from './paint';
import { Sheet, type Shown } from './sheet';
import { t } from '../../words';

/** The board’s size was changed last so long ago, in ms, that it is drawn sharply again. */
const STILL_MS = 120;
/** What is finished is painted for so long in a picture, in ms: sixty times a second, or thirty; and little of it while a hand draws. */
const CALM_MS = 16;
const BUSY_MS = 4;
/** Of a screen with more pixels than this for each of ours nobody sees the difference. */
const MOST_RATIO = 2;
/** In so many ms a pointer goes two thirds of the way to where it was told to be. */
const GLIDE_MS = 45;
/** The paths that a laser draws fade from its beginning. */
const GRIP = 5;

export interface Look {
  font: string;
  accent: string;
  /** Of somebody’s pointer. */
  colorOf: (peer: string) => string;
  still: boolean;
}

/** Both canvases: what is finished below, and above what moves. It draws only when something has changed. */
export class Surface {
  readonly painter: Painter;
  readonly #sheet: Sheet;
  readonly #live: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  readonly #model: BoardModel;
  readonly #look: () => Look;
  #frame: number | undefined;
  /** Whether what moves is to be drawn. */
  #lively = true;
  #whole: 'another' | 'again' | undefined = 'another';
  #camera = false;
  readonly #patches = new Set<string>();
  #hidden: ReadonlySet<string> = new Set();
  #still: ReturnType<typeof setTimeout> | undefined;
  /** When the board was moved last. */
  #turned = -Infinity;
  /** Since when something is not painted yet: for whoever measures. */
  #since: number | undefined;
  #last = 0;
  /** Where pointers are shown, by peer. */
  readonly #pointers = new Map<string, Point>();
  /** Where our own hand is, in CSS pixels of the view. */
  hand: Point | undefined;
  /** Comes back when the pictures that were asked for are here, or will not come. */
  ready: () => Promise<void> = () => Promise.resolve();
  /** What the last pictures took, in ms, and how long all of it was waited for: for whoever measures. */
  onframe: ((what: 'sheet' | 'live' | 'whole', ms: number) => void) | undefined;

  constructor(
    sheet: HTMLCanvasElement,
    live: HTMLCanvasElement,
    model: BoardModel,
    look: () => Look,
    pictureOf: PictureOf,
  ) {
    const context = live.getContext('2d');
    if (!context) throw new Error('a canvas has a context');
    this.painter = new Painter(look().font, pictureOf);
    this.#sheet = new Sheet(sheet, this.painter);
    this.#live = live;
    this.#context = context;
    this.#model = model;
    this.#look = look;
  }

  /** Another page is looked at. */
  all(): void {
    this.#whole = 'another';
    this.schedule();
  }

  /** Everything is to be drawn anew; until then what is there stays. */
  again(): void {
    this.#whole ??= 'again';
    this.schedule();
  }

  /** Another part of the board is looked at. */
  moved(): void {
    this.#camera = true;
    this.#turned = performance.now();
    this.schedule();
  }

  /** The view has another size. It is drawn in the same picture that shows the new size, and not in the next. */
  resized(): void {
    this.#camera = true;
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
    this.#frame = undefined;
    this.#lively = true;
    this.#draw(performance.now());
  }

  /** These things have changed; of none only what moves. */
  changed(ids: readonly string[] | undefined): void {
    if (ids === undefined) this.#whole = 'another';
    else for (const id of ids) this.#patches.add(id);
    this.schedule();
  }

  /** Something has changed, of what moves too. */
  schedule(): void {
    this.#lively = true;
    this.#next();
  }

  #next(): void {
    this.#frame ??= requestAnimationFrame((now) => {
      this.#frame = undefined;
      this.#draw(now);
    });
  }

  close(): void {
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
    clearTimeout(this.#still);
  }

  get #ratio(): number {
    return Math.min(MOST_RATIO, devicePixelRatio || 1);
  }

  #shown(): Shown {
    const { page, store } = this.#model;
    const { camera, view } = this.#model.looking;
    return {
      camera,
      view,
      ratio: this.#ratio,
      ids: store.on(page),
      get: (id) => {
        const element = store.get(id);
        return element?.page === page && element.kind !== 'page' ? element : undefined;
      },
      hidden: (id) => this.#hidden.has(id),
    };
  }

  #draw(now: number): void {
    const model = this.#model;
    if (model.looking.view.width < 1 || model.looking.view.height < 1) return;
    const fading = model.age(now);
    this.#hide();
    const clock = () => performance.now();
    let begun = clock();
    const more = this.#paintSheet(clock);
    if (more !== undefined) this.onframe?.('sheet', clock() - begun);
    if (this.#lively) {
      this.#lively = false;
      begun = clock();
      const gliding = this.#paintLive(now);
      this.onframe?.('live', clock() - begun);
      if (fading || gliding) this.schedule();
    }
    // What is finished may take its time, and what moves does not cost anything meanwhile.
    if (more === true) this.#next();
  }

  /** Says whether there is more to do at once; `undefined`: there was nothing to do. */
  #paintSheet(now: () => number): boolean | undefined {
    const sheet = this.#sheet;
    const whole = this.#whole;
    if (!whole && !this.#camera && this.#patches.size === 0 && !sheet.behind) return undefined;
    const shown = this.#shown();
    if (whole) sheet.reset(shown, whole === 'another');
    else if (this.#patches.size > 0) sheet.patch(shown, this.#patches);
    this.#patches.clear();
    this.#whole = undefined;
    this.#camera = false;
    const { busy } = this.#model;
    const resizing = now() - this.#turned < STILL_MS;
    const begun = now();
    this.#since ??= begun;
    const more = sheet.show(shown, { now, budget: busy ? BUSY_MS : CALM_MS, resizing });
    if (sheet.behind && resizing) this.#sharpen();
    if (!sheet.behind) {
      this.onframe?.('whole', now() - this.#since);
      this.#since = undefined;
    }
    return more;
  }

  #sharpen(): void {
    clearTimeout(this.#still);
    this.#still = setTimeout(() => this.schedule(), STILL_MS);
  }

  /** What a hand moves is drawn above, and is not to be seen below. */
  #hide(): void {
    const { erasing } = this.#model;
    const { shifted } = this.#model.moving;
    const { writing } = this.#model.texts;
    const hidden = new Set<string>([...shifted.keys(), ...erasing]);
    if (writing?.id !== undefined) hidden.add(writing.id);
    for (const id of hidden) if (!this.#hidden.has(id)) this.#patches.add(id);
    for (const id of this.#hidden) if (!hidden.has(id)) this.#patches.add(id);
    this.#hidden = hidden;
  }

  // ── What moves ───────────────────────────────────────────────────────────────────────────────────────────────

  #paintLive(now: number): boolean {
    const { page, store } = this.#model;
    const { camera, view } = this.#model.looking;
    const ratio = this.#ratio;
    const context = this.#context;
    // As the sheet lies, so that a stroke stays where it was drawn when it is finished.
    const { by, left, top, width, height } = gridOf(camera, view, ratio);
    if (this.#live.width !== width) this.#live.width = width;
    if (this.#live.height !== height) this.#live.height = height;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    context.setTransform(by, 0, 0, by, -left, -top);
    this.#paintHeld(by);
    for (const stroke of this.#model.strokes.pending) {
      if (stroke.page === page) this.painter.paintLive(context, stroke.kind, stroke.style, stroke.points);
    }
    for (const { strokes } of store.peers.values()) {
      for (const { kind, style, points, page: on, ended } of strokes) {
        if (on === page) this.#fade(kind === 'laser' ? ended : undefined, now, kind, style, points);
      }
    }
    for (const { kind, style, points, page: on, ended } of this.#model.strokes.trails) {
      if (on === page) this.#fade(ended, now, kind, style, points);
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.#paintChosen();
    this.#paintHand();
    return this.#paintPeers(now);
  }

  #fade(
    ended: number | undefined,
    now: number,
    ...[kind, style, points]: [BoardElement['kind'], BoardElement['style'], readonly number[]]
  ): void {
    this.#context.globalAlpha = ended === undefined ? 1 : Math.max(0, 1 - (now - ended) / FADE_MS);
    this.painter.paintLive(this.#context, kind, style, points);
    this.#context.globalAlpha = 1;
  }

  /** What a hand holds, and what an eraser is about to take. */
  #paintHeld(by: number): void {
    const { erasing } = this.#model;
    const { writing } = this.#model.texts;
    const { part } = this.#model.looking;
    for (const id of this.#hidden) {
      const element = this.#model.get(id);
      if (!element || id === writing?.id || !overlap(extent(element), part)) continue;
      this.#context.globalAlpha = erasing.has(id) ? 0.2 : 1;
      this.painter.paint(this.#context, element, by);
    }
    this.#context.globalAlpha = 1;
  }

  #toView(box: Box): Box {
    const { camera } = this.#model;
    const at = toView(camera, box);
    return { ...at, width: box.width * scale(camera), height: box.height * scale(camera) };
  }

  #paintChosen(): void {
    const { chosen, chosenBox, marquee, grips, tool } = this.#model;
    const context = this.#context;
    context.strokeStyle = this.#look().accent;
    context.lineWidth = 1.5;
    if (tool === 'select' && chosenBox) {
      // Of very many a frame around each would only flicker.
      if (chosen.length > 1 && chosen.length <= 50) {
        context.globalAlpha = 0.5;
        for (const id of chosen) this.#frameAround(boxOf(this.#model.frame(id)));
        context.globalAlpha = 1;
      }
      this.#frameAround(chosenBox);
      context.fillStyle = '#ffffff';
      for (const { at } of grips) {
        context.beginPath();
        context.arc(at.x, at.y, GRIP, 0, 2 * Math.PI);
        context.fill();
        context.stroke();
      }
    }
    if (!marquee) return;
    const { x, y, width, height } = this.#toView(marquee);
    context.globalAlpha = 0.1;
    context.fillStyle = this.#look().accent;
    context.fillRect(x, y, width, height);
    context.globalAlpha = 1;
    context.strokeRect(x, y, width, height);
  }

  #frameAround(box: Box): void {
    const { x, y, width, height } = grown(this.#toView(box), 4);
    this.#context.strokeRect(x, y, width, height);
  }

  #paintHand(): void {
    if (this.#model.tool !== 'eraser' || !this.hand) return;
    this.#context.strokeStyle = 'rgb(0 0 0 / 55%)';
    this.#context.lineWidth = 1.5;
    this.#context.beginPath();
    this.#context.arc(this.hand.x, this.hand.y, ERASER, 0, 2 * Math.PI);
    this.#context.stroke();
  }

  /** Pointers with names, and who writes where. Says whether one is still on its way. */
  #paintPeers(now: number): boolean {
    const passed = Math.min(100, now - this.#last);
    this.#last = now;
    let gliding = false;
    for (const peer of this.#pointers.keys()) {
      if (!this.#model.store.peers.has(peer)) this.#pointers.delete(peer);
    }
    for (const [peer, live] of this.#model.store.peers) {
      if (live.page !== this.#model.page) {
        this.#pointers.delete(peer);
        continue;
      }
      this.#paintWriter(peer, live);
      if (!live.pointer) {
        this.#pointers.delete(peer);
        continue;
      }
      const [x, y] = live.pointer;
      const before = this.#pointers.get(peer);
      // Whoever wants no motion sees it where it is.
      const part = !before || this.#look().still ? 1 : 1 - Math.exp(-passed / GLIDE_MS);
      const at = before
        ? { x: before.x + (x - before.x) * part, y: before.y + (y - before.y) * part }
        : { x, y };
      const near = Math.hypot(x - at.x, y - at.y) * scale(this.#model.camera) < 0.5;
      this.#pointers.set(peer, near ? { x, y } : at);
      gliding ||= !near;
      this.#paintPointer(
        toView(this.#model.camera, at),
        this.#look().colorOf(peer),
        this.#model.nameOf(peer),
      );
    }
    return gliding;
  }

  #paintWriter(peer: string, { editing }: LivePeer): void {
    const element = editing === null ? undefined : this.#model.get(editing);
    if (!element || element.page !== this.#model.page) return;
    const color = this.#look().colorOf(peer);
    this.#context.strokeStyle = color;
    this.#context.lineWidth = 2;
    const box = boxOf(element.frame);
    this.#frameAround(box);
    const { x, y } = this.#toView(box);
    this.#label(t('board.is_writing', { name: this.#model.nameOf(peer) }), { x: x - 4, y: y - 26 }, color);
  }

  #paintPointer({ x, y }: Point, color: string, name: string): void {
    const { width, height } = this.#model.looking.view;
    if (x < -20 || y < -20 || x > width + 20 || y > height + 20) return;
    const context = this.#context;
    context.beginPath();
    for (const [dx, dy] of [
      [0, 0],
      [0, 16],
      [4.2, 12.4],
      [11, 12],
    ] as const)
      context.lineTo(x + dx, y + dy);
    context.closePath();
    context.fillStyle = color;
    context.strokeStyle = '#ffffff';
    context.lineWidth = 1.5;
    context.lineJoin = 'round';
    context.fill();
    context.stroke();
    this.#label(name, { x: x + 10, y: y + 16 }, color);
  }

  #label(text: string, { x, y }: Point, color: string): void {
    const context = this.#context;
    context.font = `600 12px ${this.#look().font}`;
    context.textBaseline = 'middle';
    const letters = [...text];
    const short = letters.length > 24 ? `${letters.slice(0, 23).join('')}…` : text;
    const wide = context.measureText(short).width + 12;
    const left = Math.max(2, Math.min(x, this.#model.looking.view.width - wide - 2));
    context.fillStyle = color;
    context.fillRect(left, y, wide, 20);
    context.fillStyle = '#ffffff';
    context.fillText(short, left + 6, y + 10.5);
  }

  // ── A picture of the page ────────────────────────────────────────────────────────────────────────────────────

  /** All of the page on its sheet; `undefined` where there is nothing on it. */
  picture(sheet: string): HTMLCanvasElement | undefined {
    const { store, page } = this.#model;
    const elements = store.on(page).flatMap((id) => store.get(id) ?? []);
    const box = around(elements.map(extent));
    if (!box) return undefined;
    const all = grown(box, PICTURE_MARGIN);
    // Twice as sharp as at 100%, but no larger than what every program opens.
    const by = Math.min(0.2, PICTURE_SIDE / Math.max(all.width, all.height));
    const canvas = document.createElement('canvas');
    canvas.width = Math.max(1, Math.round(all.width * by));
    canvas.height = Math.max(1, Math.round(all.height * by));
    const context = canvas.getContext('2d');
    if (!context) return undefined;
    context.fillStyle = sheet;
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.setTransform(by, 0, 0, by, -all.x * by, -all.y * by);
    for (const element of elements) this.painter.paint(context, element, by);
    return canvas;
  }
}

/** Around a picture of the page, in the board’s lengths, and how many pixels its longer side has at most. */
const PICTURE_MARGIN = 240;
const PICTURE_SIDE = 4_096;
