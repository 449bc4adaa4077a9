// “Board channel” of docs/protocol.md: the same elements for everybody, whatever came when. How much is kept of somebody is
// left to programs that are used, and so is undoing.

import { fromBase64 } from './bytes.js';
import { contains, digest, merged } from './deeds.js';
import { idOf, isNumber, MOST, named } from './named.js';
import { Pictures } from './pictures.js';
import { pack, unpack } from './points.js';

/** @import { Say } from './channels.js' */
/** @import { Range, Removal } from './deeds.js' */
/** @import { Named } from './named.js' */
/** @import { Point } from './points.js' */
/** @typedef {'frame' | 'order' | 'style' | 'text'} Part */
/**
 * A `draw`, `change` or `remove` without its author.
 * @typedef {{ message: any, by: string, via: string | null, removal?: Removal }} Deed
 */
/**
 * @typedef {object} Author
 * @property {string} name
 * @property {boolean} isHere
 * @property {Map<number, Deed>} deeds those that count
 * @property {number} direct the last number that they said themselves
 * @property {number} latest the last that anybody spoke of
 */
/** What is known of an element: it may be changed before it came. @typedef {{ draw?: Deed, changes: Partial<Record<Part, Deed>> }} Entry */
/** Up to which number somebody has an author's deeds; which they have; or that they will say it. @typedef {number | { digest: string } | 'will say'} Standing */
/** @typedef {{ say: Say, told: Map<string, string>, theirs: Map<string, Standing> | null }} Link */

/** @type {Part[]} */
const PARTS = ['frame', 'order', 'style', 'text'];
const KINDS = ['pen', 'marker', 'line', 'arrow', 'rectangle', 'ellipse', 'text', 'note', 'picture', 'page'];
/** How far behind what is known of their author numbers may be deleted. */
const AHEAD = 2 ** 20;
/** Between two elements, so that others fit between them. */
const SPACING = 1024;

/** @returns {Author} */
const nobody = () => ({ name: '', isHere: false, deeds: new Map(), direct: 0, latest: 0 });

export class Board {
  #me;
  #finished;
  /** Of our last deed. */
  #number = 0;
  /** @type {Map<string, Author>} */
  #authors = new Map();
  /** @type {Map<string, Entry>} */
  #elements = new Map();
  /** Everything that was ever deleted. @type {Removal} */
  #gone = new Map();
  /** @type {Map<string, Link>} */
  #links = new Map();

  /**
   * @param {string} me
   * @param {(peer: string, stroke: number) => void} finished a live stroke is an element now
   * @param {() => void} changed a picture is here
   */
  constructor(me, finished, changed) {
    this.#me = me;
    this.#finished = finished;
    this.pictures = new Pictures((peer, message) => this.#links.get(peer)?.say(message), changed);
    this.#authors.set(me, { ...nobody(), isHere: true });
  }

  /** Somebody is in the room. @param {string} peer */
  came(peer) {
    this.#author(peer).isHere = true;
  }

  /**
   * @param {string} peer
   * @param {string} name
   */
  named(peer, name) {
    const author = this.#authors.get(peer);
    if (author) {
      author.name = name;
    }
  }

  /** @param {string} peer */
  left(peer) {
    this.closed(peer);
    const author = this.#authors.get(peer);
    if (!author?.isHere) {
      return;
    }
    author.isHere = false;
    for (const link of this.#links.values()) {
      this.#sayHave(link, [peer]);
      const standing = link.theirs?.get(peer) ?? 'will say';
      link.theirs?.set(peer, typeof standing === 'object' ? this.#beside(standing.digest, peer) : standing);
    }
    this.#tellAll();
  }

  /**
   * A channel is open, for the first time or anew.
   * @param {string} peer
   * @param {Say} say
   */
  opened(peer, say) {
    const link = { say, told: new Map(), theirs: null };
    this.#links.set(peer, link);
    const others = Array.from(this.#authors.keys()).filter((id) => id !== this.#me && id !== peer);
    this.#sayHave(link, others, [{ peer, number: this.#author(peer).direct }]);
    this.pictures.opened(peer);
  }

  /** @param {string} peer */
  closed(peer) {
    this.#links.delete(peer);
    this.pictures.closed(peer);
  }

  /**
   * @param {string} peer
   * @param {any} message
   */
  heard(peer, message) {
    switch (message.type) {
      case 'have':
        this.#heardHave(peer, message.members);
        break;
      case 'draw':
      case 'change':
      case 'remove':
        this.#heardDeed(peer, message);
        break;
      default:
        this.pictures.heard(peer, message);
    }
    this.#tellAll();
  }

  /**
   * Draws something; of strokes `points` are on the board.
   * @param {{ kind: string, page?: string, frame?: number[], style: object, points?: Point[], text?: string, live?: number,
   *   picture?: string }} element `picture`: the bytes of a PNG in base64url
   */
  draw({ kind, page, frame, style, points, text, live, picture }) {
    const of = points ? boundsOf(points) : frame;
    const [left, top] = of ?? [];
    const relative = points?.map(([x, y, pressure]) => /** @type {Point} */ ([x - (left ?? 0), y - (top ?? 0), pressure]));
    this.#do({
      type: 'draw',
      kind,
      ...(page && { page: named(page) }),
      frame: of,
      order: Math.max(0, ...this.#seen().map(({ order }) => order)) + SPACING,
      style,
      ...(relative && { points: pack(relative) }),
      ...(text && { text }),
      ...(live && { live }),
      ...(picture && { picture: this.pictures.add(fromBase64(picture)) }),
    });
  }

  /**
   * @param {string} id
   * @param {Partial<Record<Part, any>>} values
   */
  change(id, values) {
    for (const part of PARTS.filter((part) => part in values)) {
      const version = (this.#elements.get(id)?.changes[part]?.message.version ?? 0) + 1;
      this.#do({ type: 'change', of: named(id), version, [part]: values[part] });
    }
  }

  /** A page goes with all that is on it. @param {string[]} ids */
  erase(ids) {
    const all = this.#seen().filter(({ id, page }) => ids.includes(id) || (page !== null && ids.includes(page)));
    /** @type {Removal} */
    const of = new Map();
    for (const { number, author } of all.map(({ id }) => named(id))) {
      of.set(author, [...(of.get(author) ?? []), [number, number]]);
    }
    if (of.size > 0) {
      const elements = Array.from(of, ([author, ranges]) => ({ author, numbers: merged(ranges) }));
      this.#do({ type: 'remove', elements });
    }
  }

  /** What a person sees, by id. */
  view() {
    return Object.fromEntries(this.#seen().map(({ id, ...element }) => [id, element]));
  }

  /** Of each element the values that count. */
  #seen() {
    return Array.from(this.#elements).flatMap(([id, { draw, changes }]) => {
      if (!draw) {
        return [];
      }
      const { kind, page, points, picture, live, ...drawn } = draw.message;
      const value = (/** @type {Part} */ part) => changes[part]?.message[part] ?? drawn[part];
      const { color, fill, width, size } = value('style');
      return {
        id,
        author: draw.by,
        passedOnBy: draw.via,
        kind: /** @type {string} */ (kind),
        page: page ? idOf(page) : null,
        frame: value('frame'),
        order: /** @type {number} */ (value('order')),
        style: { color, fill: fill ?? null, width, size },
        points: points ? unpack(points).flat() : [],
        natural: drawn.frame.slice(2),
        text: value('text') ?? '',
        picture: picture ? { hash: picture.hash, size: [picture.width, picture.height] } : null,
        live: live ?? null,
      };
    });
  }

  /** @param {string} peer */
  #author(peer) {
    const author = this.#authors.get(peer) ?? nobody();
    this.#authors.set(peer, author);
    return author;
  }

  /** @param {string} id */
  #entry(id) {
    const entry = this.#elements.get(id) ?? { changes: {} };
    this.#elements.set(id, entry);
    return entry;
  }

  /** A deed of ours. @param {object} message */
  #do(message) {
    this.#number += 1;
    this.#take({ message: { ...message, number: this.#number }, by: this.#me, via: null });
    this.#tellAll();
  }

  /**
   * @param {string} peer
   * @param {any} said
   */
  #heardDeed(peer, { author: handedOn, ...message }) {
    const by = handedOn?.peer ?? peer;
    if (!isSound(message) || (handedOn && (by === this.#me || this.#authors.get(by)?.isHere))) {
      return;
    }
    const author = this.#author(by);
    author.latest = Math.max(author.latest, message.number);
    if (handedOn) {
      author.name ||= handedOn.name;
    } else {
      author.direct = Math.max(author.direct, message.number);
    }
    const deed = { message, by, via: handedOn ? peer : null };
    const known = author.deeds.get(message.number);
    if (known && !(known.via && !deed.via)) {
      return;
    }
    if (known) {
      this.#drop(known);
    }
    this.#take(deed);
  }

  /** Takes a deed in, if it counts. @param {Deed} deed */
  #take(deed) {
    const { type } = deed.message;
    const counts =
      type === 'draw' ? this.#draw(deed) : type === 'change' ? this.#change(deed) : this.#remove(deed);
    if (counts) {
      this.#author(deed.by).deeds.set(deed.message.number, deed);
      this.#tellLate(deed);
    }
  }

  /** @param {Deed} deed */
  #draw(deed) {
    const id = { number: deed.message.number, author: deed.by };
    if (deed.message.live) {
      this.#finished(deed.by, deed.message.live);
    }
    if (this.#isGone(id)) {
      return false;
    }
    this.#entry(idOf(id)).draw = deed;
    if (deed.message.picture) {
      this.pictures.wanted(deed.message.picture, deed.by);
    }
    return true;
  }

  /** @param {Deed} deed */
  #change(deed) {
    const { of } = deed.message;
    const part = partOf(deed.message);
    if (this.#isGone(of)) {
      return false;
    }
    const old = this.#elements.get(idOf(of))?.changes[part];
    if (old && !isLater(deed, old)) {
      return false;
    }
    if (old) {
      this.#drop(old);
    }
    this.#entry(idOf(of)).changes[part] = deed;
    return true;
  }

  /** @param {Deed} deed */
  #remove(deed) {
    const { deeds } = this.#author(deed.by);
    /** @type {Removal} */
    const removal = new Map();
    for (const { author, numbers } of deed.message.elements) {
      const latest = author === this.#me ? this.#number : (this.#authors.get(author)?.latest ?? 0);
      const end = Math.min(latest + AHEAD, MOST);
      const ranges = /** @type {Range[]} */ (numbers).filter(([from]) => from <= end);
      if (ranges.length > 0) {
        const near = ranges.map(([from, to]) => /** @type {Range} */ ([from, Math.min(to, end)]));
        removal.set(author, merged([...(removal.get(author) ?? []), ...near]));
      }
    }
    const before = Array.from(deeds.values())
      .filter((one) => one.removal)
      .sort((a, b) => b.message.number - a.message.number)[0];
    if (removal.size === 0 || (before?.removal && contains(before.removal, removal))) {
      return false;
    }
    if (before?.removal && before.message.number < deed.message.number && contains(removal, before.removal)) {
      this.#drop(before);
    }
    deed.removal = removal;
    let isPage = false;
    for (const [author, ranges] of removal) {
      this.#gone.set(author, merged([...(this.#gone.get(author) ?? []), ...ranges]));
      for (const [id, entry] of this.#elements) {
        if (named(id).author === author && this.#isGone(named(id))) {
          isPage ||= entry.draw?.message.kind === 'page';
          [entry.draw, ...Object.values(entry.changes)].forEach((deed) => deed && this.#drop(deed));
          this.#elements.delete(id);
        }
      }
      if (author === this.#me) {
        // Numbers of ours that are gone already are not for anything new.
        this.#number = Math.max(this.#number, ...ranges.map(([, to]) => to));
      }
    }
    if (isPage) {
      const isLost = (/** @type {string | null} */ page) => page !== null && this.#isGone(named(page));
      const lost = this.#seen().filter(({ author, page }) => author === this.#me && isLost(page));
      this.erase(lost.map(({ id }) => id));
    }
    return true;
  }

  /** It counts no more. @param {Deed} deed */
  #drop(deed) {
    const { type, number, of } = deed.message;
    this.#author(deed.by).deeds.delete(number);
    if (type === 'draw') {
      delete this.#entry(idOf({ number, author: deed.by })).draw;
    } else if (type === 'change') {
      delete this.#entry(idOf(of)).changes[partOf(deed.message)];
    }
  }

  /** @param {Named} id */
  #isGone({ number, author }) {
    return this.#gone.get(author)?.some(([from, to]) => from <= number && number <= to) ?? false;
  }

  /** @param {string} peer */
  #digest(peer) {
    return digest(this.#authors.get(peer)?.deeds.keys() ?? []);
  }

  /** Who has the same of somebody who left lacks nothing, and who does not is told all. @param {string} theirs @param {string} of */
  #beside(theirs, of) {
    return theirs === this.#digest(of) ? MOST : 0;
  }

  /**
   * @param {string} peer
   * @param {{ peer: string, number?: number, digest?: string }[]} members
   */
  #heardHave(peer, members) {
    const link = this.#links.get(peer);
    if (!link) {
      return;
    }
    link.theirs ??= new Map();
    for (const { peer: id, number, digest } of members) {
      const isHere = id === this.#me || (this.#authors.get(id)?.isHere ?? false);
      if (id === this.#me) {
        link.theirs.set(id, number ?? 0);
      } else if (this.#authors.has(id)) {
        const said = digest === undefined ? 'will say' : isHere ? { digest } : this.#beside(digest, id);
        link.theirs.set(id, said);
      }
      // They may have more than we do of somebody who left, and wait to hear what we have.
      if (!isHere && digest !== undefined && link.told.get(id) !== this.#digest(id)) {
        this.#sayHave(link, [id]);
      }
    }
  }

  /**
   * @param {Link} link
   * @param {string[]} of
   * @param {{ peer: string, number: number }[]} first
   */
  #sayHave(link, of, first = []) {
    const members = of.map((peer) =>
      this.#authors.get(peer)?.isHere ? { peer } : { peer, digest: this.#digest(peer) },
    );
    link.say({ type: 'have', members: [...first, ...members] });
    for (const member of members) {
      if ('digest' in member) {
        link.told.set(member.peer, member.digest);
      }
    }
  }

  #tellAll() {
    this.#links.forEach((link, peer) => this.#tell(link, peer));
  }

  /** What somebody lacks: of what we did, and of what those did who left. @param {Link} link @param {string} peer */
  #tell(link, peer) {
    for (const [id, author] of link.theirs ? this.#authors : []) {
      const isOurs = id === this.#me;
      const standing = link.theirs?.get(id) ?? 0;
      if ((author.isHere && !isOurs) || id === peer || typeof standing !== 'number') {
        continue;
      }
      const lacking = Array.from(author.deeds.values()).filter(({ message }) => message.number > standing);
      for (const deed of lacking.sort((a, b) => a.message.number - b.message.number)) {
        this.#say(link, deed);
        link.theirs?.set(id, deed.message.number);
      }
    }
  }

  /** What is heard of somebody who left is told also to those who were told what follows it. @param {Deed} deed */
  #tellLate(deed) {
    if (this.#author(deed.by).isHere) {
      return;
    }
    for (const [peer, link] of this.#links) {
      const standing = link.theirs?.get(deed.by);
      if (peer !== deed.via && typeof standing === 'number' && standing >= deed.message.number) {
        this.#say(link, deed);
      }
    }
  }

  /** @param {Link} link @param {Deed} deed */
  #say(link, { message, by }) {
    const { type, ...rest } = message;
    link.say({ type, ...(by !== this.#me && { author: { peer: by, name: this.#author(by).name } }), ...rest });
  }
}

/** Which value a change is about. @param {object} message */
const partOf = (message) => /** @type {Part} */ (PARTS.find((part) => part in message));

/** Of two changes of a value, whether this one counts. @param {Deed} deed @param {Deed} old */
function isLater({ message, by }, old) {
  const [a, b] = [
    { number: message.number, author: by },
    { number: old.message.number, author: old.by },
  ];
  const order = message.version - old.message.version || (by === old.by ? a.number - b.number : by > old.by ? 1 : -1);
  return order > 0;
}

/** x, y, width and height of what surrounds points. @param {Point[]} points */
function boundsOf(points) {
  const [x, y] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const [left, top] = [Math.min(...x), Math.min(...y)];
  return [left, top, Math.max(...x) - left, Math.max(...y) - top];
}

/** Whether a deed can be read; bounds of single values are left to programs that are used. @param {any} message */
function isSound(message) {
  if (!isNumber(message.number)) {
    return false;
  }
  switch (message.type) {
    case 'draw': {
      const hasPoints = message.kind === 'pen' || message.kind === 'marker';
      return KINDS.includes(message.kind) && isFrame(message.frame) && hasPoints === canUnpack(message.points);
    }
    case 'change':
      return isNumber(message.of?.number) && isNumber(message.version) && partOf(message) !== undefined;
    default:
      return message.elements.every((/** @type {{ numbers: unknown[][] }} */ { numbers }) =>
        numbers.every(([from, to]) => isNumber(from) && isNumber(to)),
      );
  }
}

/** @param {unknown} frame */
const isFrame = (frame) => Array.isArray(frame) && frame.length === 4 && frame.every(Number.isSafeInteger);

/** @param {unknown} points */
function canUnpack(points) {
  try {
    return typeof points === 'string' && unpack(points).length > 0;
  } catch {
    return false;
  }
}
