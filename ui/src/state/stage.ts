import { grid, perPage, spotlight, stripRoom, type Rect, type Size } from '../layout/grid';
import type { Participant, Source } from '../core/core';

/** What W switches between. */
export type LayoutMode = 'grid' | 'spotlight';

/** Our own tile among the participants'. */
export const SELF = 'self';
/** What we share: a card and no picture, which would show itself showing itself. */
export const OWN_SCREEN = 'self/screen';

/** Something that has a place on the stage. */
export interface StageTile {
  /** Of the tile: a person's id, or one made of it for their screen. */
  key: string;
  /** Whose it is; `SELF` for our own. */
  peer: string;
  source: Source;
}

export interface Place extends StageTile, Rect {
  /** The one that everybody looks at. */
  large: boolean;
  /** One of the small ones beside it. */
  strip: boolean;
}

export interface Stage {
  places: Place[];
  /** Whether the self-view floats in a corner instead of having a place. */
  floatingSelf: boolean;
  /** Pages of the grid, and which one is shown, from 0. */
  pages: number;
  page: number;
  /** Where it stands how many more there are than the strip holds. */
  more: (Rect & { count: number }) | undefined;
  /** Where an activity stands. */
  activity: Rect | undefined;
}

const self: StageTile = { key: SELF, peer: SELF, source: 'camera' };
const ownScreen: StageTile = { key: OWN_SCREEN, peer: SELF, source: 'screen' };

/** Shared screens, then everybody else in the order in which they came, then what we share. */
export function tilesOf(
  participants: readonly Pick<Participant, 'id' | 'streams'>[],
  sharing = false,
): StageTile[] {
  const screens = participants.filter(({ streams }) =>
    streams.some(({ source, on }) => source === 'screen' && on),
  );
  return [
    ...screens.map(({ id }): StageTile => ({ key: screenKey(id), peer: id, source: 'screen' })),
    ...participants.map(({ id }): StageTile => ({ key: id, peer: id, source: 'camera' })),
    ...(sharing && participants.length > 0 ? [ownScreen] : []),
  ];
}

export function screenKey(peer: string): string {
  return `${peer}/screen`;
}

/** Two see each other best when one fills the window; more see each other best side by side. */
export function defaultMode(participants: number): LayoutMode {
  return participants > 1 ? 'grid' : 'spotlight';
}

export interface Wish {
  mode: LayoutMode;
  /** What is looked at: a pinned tile, a shared screen, the active speaker. Whoever has left counts as nobody. */
  focus?: string | undefined;
  /** Who speaks: they are never hidden behind “more”. */
  speaker?: string | undefined;
  page?: number;
  /** A panel takes room at the side: the strip then stands below. */
  panel?: boolean;
  /** Something that is done together has the large place, and everybody is in the strip. */
  activity?: boolean;
}

/** Who stands where. What has no place is not to be drawn, and asks for no pictures. */
export function stage(size: Size, tiles: readonly StageTile[], wish: Wish): Stage {
  const none = { places: [], floatingSelf: false, pages: 1, page: 0, more: undefined, activity: undefined };
  if (wish.activity === true) return spotlit(size, tiles, undefined, wish);
  const [first] = tiles;
  // While nobody else is here we are what there is to be seen.
  if (!first) return { ...none, places: [placed(self, { x: 0, y: 0, ...size }, 'large')] };
  if (wish.mode === 'spotlight' && tiles.length === 1) {
    return { ...none, places: [placed(first, { x: 0, y: 0, ...size }, 'large')], floatingSelf: true };
  }
  return wish.mode === 'grid' ? pageOf(size, tiles, wish.page ?? 0) : spotlit(size, tiles, first, wish);
}

/** Everybody alike, a page at a time; we are the last on the first page. */
function pageOf(size: Size, tiles: readonly StageTile[], wanted: number): Stage {
  const each = perPage(size);
  const everybody = [...tiles.slice(0, each - 1), self, ...tiles.slice(each - 1)];
  const pages = Math.ceil(everybody.length / each);
  const page = Math.min(Math.max(0, wanted), pages - 1);
  const shown = everybody.slice(page * each, (page + 1) * each);
  const rects = grid(size, shown.length);
  const places = shown.flatMap((tile, i) => maybe(tile, rects[i], 'grid'));
  return { places, floatingSelf: false, pages, page, more: undefined, activity: undefined };
}

/** One large, the others in a strip; we are its last. Without a `first` the large place is an activity's. */
function spotlit(size: Size, tiles: readonly StageTile[], first: StageTile | undefined, wish: Wish): Stage {
  const everybody = [...tiles, self];
  const chosen = first && (everybody.find(({ key }) => key === wish.focus) ?? first);
  const others = everybody.filter((tile) => tile !== chosen);
  const beside = wish.panel !== true && size.width > 1.6 * size.height;
  const room = Math.min(others.length, stripRoom(size, beside));
  const { large, strip } = spotlight(size, room, beside);
  const rest = { floatingSelf: false, pages: 1, page: 0, activity: chosen ? undefined : large };
  const main = chosen ? [placed(chosen, large, 'large')] : [];
  if (room === others.length) {
    const places = [...main, ...others.flatMap((tile, i) => maybe(tile, strip[i], 'strip'))];
    return { ...rest, places, more: undefined };
  }
  // The last place is ours and the one before says how many there are besides.
  const own = chosen === self ? [] : [self];
  const kept = Math.max(0, room - 1 - own.length);
  const people = others.filter(({ peer }) => peer !== SELF);
  const shown = [...people.filter(isOf(wish.speaker)), ...people.filter((tile) => !isOf(wish.speaker)(tile))];
  const row = shown.slice(0, kept);
  const rect = strip[row.length];
  return {
    ...rest,
    places: [
      ...main,
      ...row.flatMap((tile, i) => maybe(tile, strip[i], 'strip')),
      ...own.flatMap((tile) => maybe(tile, strip[row.length + 1], 'strip')),
    ],
    more: rect && { ...rect, count: people.length - row.length },
  };
}

const isOf = (key: string | undefined) => (tile: StageTile) => tile.key === key;

function maybe(tile: StageTile, rect: Rect | undefined, as: 'grid' | 'strip'): Place[] {
  return rect ? [placed(tile, rect, as)] : [];
}

function placed(tile: StageTile, rect: Rect, as: 'grid' | 'strip' | 'large'): Place {
  return { ...tile, ...rect, large: as === 'large', strip: as === 'strip' };
}
