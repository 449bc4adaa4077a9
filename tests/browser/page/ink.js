// “Ink channel” of docs/protocol.md: what people draw and where they point right now.

import { idOf, named } from './named.js';
import { pack, unpack } from './points.js';

/** @import { Say } from './channels.js' */
/** @import { Point } from './points.js' */
/** @typedef {{ number: number, kind: string, style: object, points: Point[] }} Stroke */
/** @typedef {{ page?: string, pointer?: [number, number], stroke?: Stroke, editing?: string }} State */
/** Of whom a message was heard, and when. @typedef {State & { sequence: number, heard: number, finished: number }} Theirs */
/**
 * @typedef {object} Link
 * @property {Say} say
 * @property {number} revision what was said last
 * @property {number} times how often
 * @property {number} last when
 * @property {number} stroke its number
 * @property {number[]} lengths how many points were said with the last messages, the oldest first
 */

/** Milliseconds. */
const INTERVAL = 40;
const KEEP_ALIVE = 1_000;
const PATIENCE = 3_500;
/** What changed last is said so often, and each message repeats the points of so many. */
const TIMES = 3;
/** Points that fit a message of 1,100 bytes, however far they are apart: 11 bytes each before base64. */
const FIT = 40;

export class Ink {
  #changed;
  /** @type {State} */
  #own = {};
  #revision = 0;
  #sequence = 0;
  /** @type {Map<string, Link>} */
  #links = new Map();
  /** @type {Map<string, Theirs>} */
  #theirs = new Map();

  /** @param {() => void} changed */
  constructor(changed) {
    this.#changed = changed;
    setInterval(() => this.#round(performance.now()), INTERVAL);
  }

  /**
   * @param {string} peer
   * @param {Say} say
   */
  opened(peer, say) {
    this.#links.set(peer, { say, revision: 0, times: TIMES, last: -KEEP_ALIVE, stroke: 0, lengths: [0, 0, 0, 0] });
  }

  /** @param {string} peer */
  closed(peer) {
    this.#links.delete(peer);
    this.#stop(peer);
  }

  /** What we draw and where we point now. @param {State} state */
  set(state) {
    this.#own = state;
    this.#revision += 1;
  }

  /**
   * @param {string} peer
   * @param {any} message
   */
  heard(peer, { sequence, page, pointer, stroke, editing }) {
    const before = this.#theirs.get(peer);
    // Of 32 bits, and around again.
    if (before && ((sequence - before.sequence) | 0) <= 0) {
      return;
    }
    const finished = before?.finished ?? 0;
    const drawn = stroke && stroke.number > finished ? grown(before?.stroke, stroke) : undefined;
    this.#theirs.set(peer, {
      sequence,
      heard: performance.now(),
      finished,
      ...(page && { page: idOf(page) }),
      ...(pointer && { pointer }),
      ...(drawn && { stroke: drawn }),
      ...(editing && { editing: idOf(editing) }),
    });
    this.#changed();
  }

  /**
   * A stroke is an element now.
   * @param {string} peer
   * @param {number} number
   */
  finished(peer, number) {
    const theirs = this.#theirs.get(peer);
    if (theirs) {
      theirs.finished = Math.max(theirs.finished, number);
      if (theirs.stroke && theirs.stroke.number <= number) {
        delete theirs.stroke;
      }
    }
  }

  /** What a person sees, by peer id. */
  view() {
    const all = Array.from(this.#theirs, ([peer, { page, pointer, stroke, editing }]) => [
      peer,
      { page: page ?? null, pointer: pointer ?? null, stroke: stroke ?? null, editing: editing ?? null },
    ]);
    return Object.fromEntries(all);
  }

  /** @param {string} peer */
  #stop(peer) {
    const theirs = this.#theirs.get(peer);
    if (theirs?.pointer || theirs?.stroke || theirs?.editing) {
      const { sequence, heard, finished } = theirs;
      this.#theirs.set(peer, { sequence, heard, finished });
      this.#changed();
    }
  }

  /** @param {number} now */
  #round(now) {
    this.#links.forEach((link) => this.#tell(link, now));
    for (const [peer, { heard }] of this.#theirs) {
      if (now - heard >= PATIENCE) {
        this.#stop(peer);
      }
    }
  }

  /** @param {Link} link @param {number} now */
  #tell(link, now) {
    const { page, pointer, stroke, editing } = this.#own;
    const isNew = link.revision !== this.#revision;
    const isThere = Boolean(pointer ?? stroke ?? editing);
    if (!isNew && link.times >= TIMES && !(isThere && now - link.last >= KEEP_ALIVE)) {
      return;
    }
    link.times = isNew ? 1 : link.times + 1;
    link.revision = this.#revision;
    link.last = now;
    this.#sequence = (this.#sequence + 1) % 2 ** 32;
    link.say({
      sequence: this.#sequence,
      ...(page && { page: named(page) }),
      ...(pointer && { pointer }),
      ...(stroke && { stroke: this.#more(link, stroke) }),
      ...(editing && { editing: named(editing) }),
    });
  }

  /** @param {Link} link @param {Stroke} stroke */
  #more(link, { points, ...stroke }) {
    if (link.stroke !== stroke.number) {
      link.stroke = stroke.number;
      link.lengths = [0, 0, 0, 0];
    }
    // The end is what people look at; what is left out comes with the element.
    const from = Math.max(Math.min(link.lengths[0] ?? 0, points.length), points.length - FIT);
    link.lengths = [...link.lengths.slice(1), points.length];
    return { ...stroke, from, points: pack(points.slice(from)) };
  }
}

/**
 * A stroke with what came of it.
 * @param {Stroke | undefined} before
 * @param {{ number: number, kind: string, style: object, from: number, points: string }} message
 */
function grown(before, { number, kind, style, from, points }) {
  const known = before?.number === number && before.kind === kind ? before.points.slice(0, from) : [];
  const more = unpack(points);
  // A straight line stands for what was lost.
  const [first] = more;
  const last = known.at(-1) ?? first;
  const [missing, begin] = [from - known.length, known.length];
  for (let step = 1; step <= missing && first && last; step++) {
    const share = step / (missing + 1);
    const between = (/** @type {0 | 1} */ axis) => Math.round(last[axis] + (first[axis] - last[axis]) * share);
    known[begin + step - 1] = [between(0), between(1), first[2]];
  }
  return { number, kind, style, points: [...known, ...more] };
}
