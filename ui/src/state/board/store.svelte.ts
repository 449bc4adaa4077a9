/* eslint-disable svelte/prefer-svelte-reactivity -- of thousands of things a few change, and whoever draws them is told which */
import type { BoardChange, BoardElement, BoardLive, BoardOwn, BoardStroke, BoardView } from '../../core/core';

/** So long a stroke that is not drawn any more waits for the element that it becomes. */
const GIVEN_UP_MS = 2_000;
/** So long a laser’s trail is seen after it was drawn. */
export const FADE_MS = 1_200;

/** A stroke that somebody else draws, or drew a moment ago. */
export interface LiveStroke extends Omit<BoardStroke, 'keep'> {
  page: string | null;
  /** When it was given up, or let go: milliseconds of any clock. */
  ended: number | undefined;
}

/** Somebody else at the board. */
export interface LivePeer {
  page: string | null;
  pointer: [number, number] | null;
  editing: string | null;
  strokes: LiveStroke[];
  /** Strokes up to this one are elements now. */
  done: number;
}

/** So wide and high is a shared screen that somebody points at, whatever its shape. */
export const SCREEN_SIDE = 16_384;

/** The page that stands for what somebody shares of their screen. */
export function screenPage(peer: string): string {
  return `0-${peer}`;
}

function isScreen(page: string | null): boolean {
  return page?.startsWith('0-') ?? false;
}

const NOTHING: BoardOwn = { canUndo: false, canRedo: false, deletedByOthers: 0, full: false };

/**
 * The board as the engine tells it. It is no part of the snapshot that every event makes anew: of a board with thousands of
 * things a change touches a few, and whoever listens is told which.
 */
export class BoardStore {
  /** One more with every change of `elements`. */
  version = $state(0);
  me = $state('');
  own = $state.raw(NOTHING);
  drawing = $state.raw<readonly string[]>([]);
  names = $state.raw<Readonly<Record<string, string>>>({});
  /** One more whenever somebody looks at another page. */
  presence = $state(0);
  /** Whether there is a board. */
  open = $state(false);

  readonly #elements = new Map<string, BoardElement>();
  /** The ids of each page, in the order in which they are painted. Pages themselves are on the page `undefined`. */
  readonly #pages = new Map<string | null | undefined, string[]>();
  readonly #pictures = new Set<string>();
  readonly #peers = new Map<string, LivePeer>();
  readonly #listeners = new Set<(ids: readonly string[] | undefined) => void>();
  #strokes = 0;

  /** A number for a stroke of ours: greater than any before it, also than those from before the window was loaded anew. */
  nextStroke(): number {
    if (this.#strokes === 0) {
      for (const { author, live } of this.#elements.values()) {
        if (author === this.me) this.#strokes = Math.max(this.#strokes, live ?? 0);
      }
    }
    this.#strokes += 1;
    return this.#strokes;
  }

  /** Calls back with the ids that changed; with `undefined` when everything did. And when somebody draws, with none. */
  listen(hear: (ids: readonly string[] | undefined) => void): () => void {
    this.#listeners.add(hear);
    return () => this.#listeners.delete(hear);
  }

  #tell(ids: readonly string[] | undefined): void {
    if (ids === undefined || ids.length > 0) this.version += 1;
    for (const hear of this.#listeners) hear(ids);
  }

  get(id: string): BoardElement | undefined {
    return this.#elements.get(id);
  }

  /** What is on a page, the lowest first; of `undefined` the pages. Not to be changed. */
  on(page: string | null | undefined): readonly string[] {
    return this.#pages.get(page) ?? [];
  }

  get size(): number {
    return this.#elements.size;
  }

  hasPicture(hash: string): boolean {
    return this.#pictures.has(hash);
  }

  get peers(): ReadonlyMap<string, LivePeer> {
    return this.#peers;
  }

  reset(view: BoardView | null): void {
    this.#elements.clear();
    this.#pages.clear();
    this.#pictures.clear();
    this.#peers.clear();
    this.#strokes = 0;
    this.open = view !== null;
    this.me = view?.me ?? '';
    this.own = view?.own ?? NOTHING;
    this.drawing = view?.drawing ?? [];
    this.names = view?.names ?? {};
    for (const hash of view?.pictures ?? []) this.#pictures.add(hash);
    for (const [id, element] of Object.entries(view?.elements ?? {})) {
      this.#elements.set(id, element);
      const page = pageOf(element);
      const there = this.#pages.get(page);
      if (there) there.push(id);
      else this.#pages.set(page, [id]);
    }
    for (const ids of this.#pages.values()) ids.sort((a, b) => this.#compare(a, b));
    this.#tell(undefined);
  }

  apply(change: BoardChange): void {
    switch (change.type) {
      case 'all':
        return this.reset(change.board);
      case 'elements': {
        const lost = change.gone.some((id) => this.#elements.get(id)?.picture);
        for (const id of change.gone) this.#remove(id);
        for (const [id, element] of Object.entries(change.put)) this.#put(id, element);
        if (lost) this.#forgetPictures();
        return this.#tell([...change.gone, ...Object.keys(change.put)]);
      }
      case 'name':
        this.names = { ...this.names, [change.peer]: change.name };
        return;
      case 'picture': {
        this.#pictures.add(change.hash);
        const shown = [...this.#elements].filter(([, { picture }]) => picture?.hash === change.hash);
        return this.#tell(shown.map(([id]) => id));
      }
      case 'own':
        this.own = change.own;
        return;
      case 'drawing':
        this.drawing = change.people;
        for (const [peer, live] of this.#peers) {
          // Whoever points at a shared screen is not at the board.
          if (change.people.includes(peer) || isScreen(live.page)) continue;
          // Whoever is gone in the middle of a stroke ends it by no word.
          live.strokes = live.strokes.filter(({ ended }) => ended !== undefined);
          live.pointer = null;
          if (live.strokes.length === 0) this.#peers.delete(peer);
        }
        return this.#tell([]);
    }
  }

  /** What others draw right now. `now` in milliseconds of any clock. */
  hear(all: readonly BoardLive[], now: number): void {
    for (const { peer, page, pointer, stroke, editing } of all) {
      if (this.#peers.get(peer)?.page !== page) this.presence += 1;
      const live = this.#peers.get(peer) ?? { page, pointer, editing, strokes: [], done: 0 };
      this.#peers.set(peer, live);
      Object.assign(live, { page, pointer, editing });
      for (const one of live.strokes) if (one.number !== stroke?.number) one.ended ??= now;
      if (stroke && stroke.number > live.done) grow(live, stroke, page);
    }
    this.#tell([]);
  }

  /** Forgets what was given up. Says whether there are strokes that end by themselves. */
  age(now: number): boolean {
    let some = false;
    for (const live of this.#peers.values()) {
      live.strokes = live.strokes.filter(
        ({ ended, kind }) => ended === undefined || now - ended < (kind === 'laser' ? FADE_MS : GIVEN_UP_MS),
      );
      some ||= live.strokes.some(({ ended }) => ended !== undefined);
    }
    return some;
  }

  #put(id: string, element: BoardElement): void {
    const before = this.#elements.get(id);
    const stays = before?.order === element.order && pageOf(before) === pageOf(element);
    if (before && !stays) this.#remove(id);
    this.#elements.set(id, element);
    if (!stays) {
      const page = pageOf(element);
      const ids = this.#pages.get(page) ?? [];
      this.#pages.set(page, ids);
      ids.splice(this.#placeOf(id, ids), 0, id);
    }
    const live = element.live === null ? undefined : this.#peers.get(element.author);
    if (live && element.live !== null) {
      const { live: number } = element;
      live.strokes = live.strokes.filter((one) => one.number !== number);
      live.done = Math.max(live.done, number);
    }
  }

  /** Those that nothing shows any more; when something does again, the engine tells that they are here. */
  #forgetPictures(): void {
    const shown = new Set([...this.#elements.values()].map(({ picture }) => picture?.hash));
    for (const hash of this.#pictures) if (!shown.has(hash)) this.#pictures.delete(hash);
  }

  #remove(id: string): void {
    const element = this.#elements.get(id);
    if (!element) return;
    const ids = this.#pages.get(pageOf(element)) ?? [];
    const at = this.#placeOf(id, ids);
    if (ids[at] === id) ids.splice(at, 1);
    this.#elements.delete(id);
  }

  /** Where it stands among the ids of its page, or would. */
  #placeOf(id: string, ids: readonly string[]): number {
    let from = 0;
    let to = ids.length;
    // What is new is nearly always the uppermost.
    const last = ids.at(-1);
    if (last !== undefined && this.#compare(last, id) < 0) return to;
    while (from < to) {
      const at = (from + to) >> 1;
      if (this.#compare(ids[at] ?? '', id) < 0) from = at + 1;
      else to = at;
    }
    return from;
  }

  /** By `order`, and of the same by id, number first. */
  #compare(a: string, b: string): number {
    const apart = (this.#elements.get(a)?.order ?? 0) - (this.#elements.get(b)?.order ?? 0);
    if (apart !== 0) return apart;
    const numbers = parseInt(a, 10) - parseInt(b, 10);
    return numbers !== 0 ? numbers : a < b ? -1 : a > b ? 1 : 0;
  }
}

function pageOf({ kind, page }: BoardElement): string | null | undefined {
  return kind === 'page' ? undefined : page;
}

/** More of somebody’s stroke, or the beginning of one. */
function grow(live: LivePeer, { number, kind, style, keep, points }: BoardStroke, page: string | null): void {
  let one = live.strokes.find((stroke) => stroke.number === number);
  if (!one) {
    one = { number, kind, style, points: [], page, ended: undefined };
    live.strokes.push(one);
  }
  const kept = one.points.slice(0, 3 * keep);
  Object.assign(one, { kind, style, points: kept.length === 0 ? points : kept.concat(points) });
}
