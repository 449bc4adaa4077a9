import type { PictureLayout, PictureView } from '../../core/core';

/**
 * Where the window itself is to draw pictures, above the page, and what of the page lies over them. Marks in the page say it:
 *
 * - `data-picture`: shows the stream of this number; what is in it (a canvas) lies where the picture lies;
 * - `data-place`: what such a picture is cut to, with round corners;
 * - `data-ring`: on a place: so many pixels of its edge are a ring and not the picture;
 * - `data-over`: lies over pictures and is seen through by none, so it is cut out of them;
 * - `data-veil`: is seen through, so what lies below it is drawn by the page. An open dialog is one for everything.
 */

type Box = readonly [x: number, y: number, width: number, height: number];

/** What a focused element shows around itself: its outline, and the black around that. */
const FOCUS = 7;
/** Below it nobody sees anything. */
const FAINT = 0.02;

export function measure(root: Document): PictureLayout {
  if (root.hidden) return { views: [] };
  const views: PictureView[] = [];
  const hosts = [...root.querySelectorAll<HTMLElement>('[data-picture]')];
  const seen = hosts.map(viewOf).filter((view) => view !== undefined);
  if (seen.length === 0) return { views };
  const overs = [...root.querySelectorAll<HTMLElement>('[data-over]')].flatMap((element) => overOf(element));
  const veils = [...root.querySelectorAll<HTMLElement>('[data-veil]')].filter(isSeen);
  const veiled = root.querySelector('dialog[open]') !== null;
  // What floats lies over what stands in its place.
  seen.sort((a, b) => Number(floats(a.place)) - Number(floats(b.place)));
  for (const { host, place, canvas, ...view } of seen) {
    const below = veiled || veils.some((veil) => veil.contains(host) || touches(boxOf(veil), view.clip));
    const native = canvas.dataset['renderer'] === 'native';
    // The page goes on by itself, and shows it.
    if (below && !native) continue;
    const holes = overs
      .filter(({ element, within, box }) => {
        if (element.contains(host) || !touches(box, view.clip)) return false;
        return within === undefined || within === place;
      })
      .map(({ box, radius }) => [...box, radius]);
    views.push({ ...view, page: below, holes });
  }
  return { views };
}

interface Seen extends PictureView {
  host: HTMLElement;
  place: HTMLElement;
  canvas: HTMLCanvasElement;
}

function viewOf(host: HTMLElement): Seen | undefined {
  const canvas = host.querySelector('canvas');
  if (!canvas || !isSeen(canvas)) return undefined;
  const place = host.closest<HTMLElement>('[data-place]') ?? host;
  const style = getComputedStyle(place);
  const ring = Number(place.dataset['ring'] ?? 0);
  const edge = (side: string) => (parseFloat(style.getPropertyValue(`border-${side}-width`)) || 0) + ring;
  const [x, y, width, height] = boxOf(place);
  const [top, right, bottom, left] = [edge('top'), edge('right'), edge('bottom'), edge('left')];
  const clip: Box = [x + left, y + top, width - left - right, height - top - bottom];
  const picture = boxOf(canvas);
  if (!touches(picture, clip)) return undefined;
  return {
    host,
    place,
    canvas,
    stream: Number(host.dataset['picture']),
    page: false,
    picture: [...picture],
    clip: [...clip],
    radius: Math.max(0, radiusOf(style) - left),
    mirrored: host.dataset['mirrored'] !== undefined,
    holes: [],
  };
}

interface Over {
  element: HTMLElement;
  box: Box;
  radius: number;
  /** The place whose picture it lies over, if it belongs to one. */
  within: HTMLElement | undefined;
}

function overOf(element: HTMLElement): Over[] {
  if (!isSeen(element)) return [];
  const [x, y, width, height] = boxOf(element);
  const by = element.matches(':focus-visible') ? FOCUS : 0;
  const place = element.closest<HTMLElement>('[data-place]');
  return [
    {
      element,
      box: [x - by, y - by, width + 2 * by, height + 2 * by],
      radius: radiusOf(getComputedStyle(element)) + by,
      within: place === null || place === element ? undefined : place,
    },
  ];
}

function floats(place: HTMLElement): boolean {
  return place.dataset['over'] !== undefined;
}

function boxOf(element: Element): Box {
  const { x, y, width, height } = element.getBoundingClientRect();
  return [x, y, width, height];
}

/** Of all corners alike; one in percent is as round as it can be. */
function radiusOf(style: CSSStyleDeclaration): number {
  const said = style.borderTopLeftRadius;
  return said.endsWith('%') ? 10_000 : parseFloat(said) || 0;
}

function touches([x, y, width, height]: Box | number[], [left, top, wide, high]: Box | number[]): boolean {
  if (x === undefined || y === undefined || width === undefined || height === undefined) return false;
  if (left === undefined || top === undefined || wide === undefined || high === undefined) return false;
  if (width <= 0 || height <= 0 || wide <= 0 || high <= 0) return false;
  return x < left + wide && left < x + width && y < top + high && top < y + height;
}

/** Whether it has pixels, and is neither hidden nor faded away with what it is in. */
function isSeen(element: HTMLElement): boolean {
  const { width, height } = element.getBoundingClientRect();
  if (width <= 0 || height <= 0) return false;
  if (getComputedStyle(element).visibility === 'hidden') return false;
  for (let one: HTMLElement | null = element; one; one = one.parentElement) {
    const { opacity, display } = getComputedStyle(one);
    if (display === 'none' || (opacity !== '' && Number(opacity) < FAINT)) return false;
  }
  return true;
}

/** What may move, hide or cover a picture. */
const EVENTS = [
  'scroll',
  'pointerover',
  'pointerout',
  'focusin',
  'focusout',
  'transitionrun',
  'transitionend',
  'transitioncancel',
  'animationstart',
  'animationend',
  'animationcancel',
  'load',
] as const;

/** Tells the window where the pictures are, whenever that changes; one message at a time, the latest. */
export class PictureReport {
  readonly #say: (layout: PictureLayout) => Promise<void>;
  readonly #root: Document;
  readonly #mutations: MutationObserver;
  readonly #sizes: ResizeObserver;
  readonly #ended = new AbortController();
  #watched: Element[] = [];
  #scheduled = false;
  #said = JSON.stringify({ views: [] });
  #saying = false;
  #next: PictureLayout | undefined;

  constructor(say: (layout: PictureLayout) => Promise<void>, root: Document = document) {
    this.#say = say;
    this.#root = root;
    this.#mutations = new MutationObserver(() => this.#soon());
    this.#sizes = new ResizeObserver(() => this.#soon());
    this.#mutations.observe(root.documentElement, {
      subtree: true,
      childList: true,
      characterData: true,
      attributes: true,
      attributeFilter: [
        'class',
        'style',
        'open',
        'hidden',
        'data-over',
        'data-veil',
        'data-ring',
        'data-picture',
        'data-renderer',
      ],
    });
    const { signal } = this.#ended;
    for (const name of EVENTS)
      root.addEventListener(name, () => this.#soon(), { signal, capture: true, passive: true });
    root.addEventListener('visibilitychange', () => this.#now(), { signal });
    root.defaultView?.addEventListener('resize', () => this.#soon(), { signal });
    this.#soon();
  }

  end(): void {
    this.#ended.abort();
    this.#mutations.disconnect();
    this.#sizes.disconnect();
  }

  #soon(): void {
    if (this.#scheduled || this.#ended.signal.aborted) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      this.#now();
      // What slides or fades is somewhere else in the next frame.
      if (this.#moves()) this.#soon();
    });
  }

  #now(): void {
    if (this.#ended.signal.aborted) return;
    this.#watch();
    const layout = measure(this.#root);
    const text = JSON.stringify(layout);
    if (text === this.#said) return;
    this.#said = text;
    this.#next = layout;
    void this.#hand();
  }

  async #hand(): Promise<void> {
    if (this.#saying) return;
    this.#saying = true;
    for (let next = this.#next; next; next = this.#next) {
      this.#next = undefined;
      try {
        await this.#say(next);
      } catch {
        // Said again with the next change, also when that is none.
        this.#said = '';
      }
    }
    this.#saying = false;
  }

  /** Sizes change without a word: a name gets longer, a panel opens. */
  #watch(): void {
    const wanted = [
      ...this.#root.querySelectorAll('[data-picture], [data-picture] canvas, [data-place], [data-over]'),
    ];
    if (wanted.length === this.#watched.length && wanted.every((one, at) => one === this.#watched[at]))
      return;
    this.#watched = wanted;
    this.#sizes.disconnect();
    for (const one of wanted) this.#sizes.observe(one);
  }

  #moves(): boolean {
    if (this.#root.hidden || !this.#root.querySelector('[data-picture]')) return false;
    return this.#root
      .getAnimations()
      .some((one) => one.playState === 'running' && one.effect?.getTiming().iterations !== Infinity);
  }
}
