// “Chat channel” of docs/protocol.md: the same posts in the same order for everybody. How much is kept of somebody is left to
// programs that are used.

import { idOf, inOrder, isNumber, named } from './named.js';

/** @import { Say } from './channels.js' */
/** @import { Named } from './named.js' */
/**
 * @typedef {object} Post
 * @property {number} number
 * @property {number} clock
 * @property {number} at
 * @property {string} [to]
 * @property {Named} [reply]
 * @property {string} [text] absent: deleted
 */
/** @typedef {{ of: Named, clock: number, reactions: string[] }} React */
/** @template T @typedef {T & { via: string | null, arrival: number }} Kept something, and who handed it on */
/**
 * @typedef {object} Author
 * @property {string} name
 * @property {boolean} isHere
 * @property {number} came how many posts were here when they came; 0 when they were told all
 * @property {Map<number, Kept<Post>>} posts
 * @property {Map<string, Kept<React>>} reacts
 * @property {number} direct up to which clock they told us everything
 * @property {number} complete up to which clock somebody did
 */
/** How much somebody has; nothing is told them before they say it. @typedef {number | 'will say'} Standing */
/** @typedef {{ say: Say, told: Map<string, number>, theirs: Map<string, Standing> | null }} Link */

/** How far a clock that we see takes ours. */
const JUMP = 2 ** 20;
const LONGEST_CHARACTERS = 4_000;
const LONGEST_BYTES = 12_000;

/** @returns {Author} */
const nobody = () => ({
  name: '',
  isHere: false,
  came: 0,
  posts: new Map(),
  reacts: new Map(),
  direct: 0,
  complete: 0,
});

/** The author's own word counts more than what is handed on. @param {Kept<{ clock: number }>} a @param {Kept<{ clock: number }>} [b] */
const replaces = (a, b) => !b || (!a.via === !b.via ? a.clock > b.clock : !a.via);

export class Chat {
  #me;
  #clock = 0;
  #arrivals = 0;
  #isClosed = false;
  /** @type {Map<string, Author>} */
  #authors = new Map();
  /** @type {Map<string, Link>} */
  #links = new Map();

  /** @param {string} me */
  constructor(me) {
    this.#me = me;
    this.#authors.set(me, { ...nobody(), isHere: true });
  }

  /** Somebody is in the room. @param {string} peer */
  came(peer) {
    const known = this.#authors.get(peer);
    this.#authors.set(peer, { ...(known ?? { ...nobody(), came: this.#arrivals }), isHere: true });
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
    this.#links.delete(peer);
    const author = this.#authors.get(peer);
    if (!author?.isHere) {
      return;
    }
    author.isHere = false;
    for (const link of this.#links.values()) {
      this.#sayHave(link, [peer]);
      if (link.theirs && !link.theirs.has(peer)) {
        link.theirs.set(peer, 'will say');
      }
    }
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
    this.#sayHave(link, others, [{ peer, clock: this.#author(peer).direct }]);
  }

  /** @param {string} peer */
  closed(peer) {
    this.#links.delete(peer);
  }

  /**
   * @param {string} peer
   * @param {any} message
   */
  heard(peer, message) {
    switch (message.type) {
      case 'have':
        this.#heardHave(peer, message);
        break;
      case 'post':
        this.#heardPost(peer, message);
        break;
      case 'react':
        this.#heardReact(peer, message);
    }
    this.#tellAll();
  }

  /** @param {{ text: string, to?: string, reply?: string }} draft */
  say({ text, to, reply }) {
    const number = this.#tick();
    const whole = { ...(to && { to }), ...(reply && { reply: named(reply) }) };
    this.#put(this.#me, { number, clock: number, at: Date.now(), text, ...whole, via: null, arrival: 0 });
    this.#tellAll();
  }

  /**
   * Says something else, or nothing, instead.
   * @param {string} id
   * @param {string} [text]
   */
  change(id, text) {
    const kept = this.#author(this.#me).posts.get(named(id).number);
    if (!kept || named(id).author !== this.#me) {
      throw new Error(`${id} is not ours`);
    }
    const { text: before, ...rest } = kept;
    if (before !== undefined) {
      this.#put(this.#me, { ...rest, ...(text !== undefined && { text }), clock: this.#tick() });
    }
    this.#tellAll();
  }

  /**
   * @param {string} id of a post
   * @param {string[]} reactions all of ours
   */
  react(id, reactions) {
    const kept = { of: named(id), clock: this.#tick(), reactions, via: null, arrival: 0 };
    this.#author(this.#me).reacts.set(id, kept);
    this.#tellAll();
  }

  /** From now on newcomers are not told what was said before. */
  close() {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#links.forEach((link) => this.#sayHave(link, []));
    }
  }

  /** What a person sees. */
  view() {
    const ids = Array.from(this.#authors).flatMap(([author, { posts }]) =>
      Array.from(posts.keys(), (number) => ({ number, author })),
    );
    return ids.sort(inOrder).map((id) => {
      const { text, to, reply, clock, via } = /** @type {Kept<Post>} */ (this.#kept(id));
      return {
        id: idOf(id),
        author: id.author,
        text: text ?? null,
        to: to ?? null,
        reply: reply ? idOf(reply) : null,
        edited: clock > id.number,
        passedOnBy: via,
        reactions: this.#reactions(id, to),
      };
    });
  }

  /** Who reacted how. @param {Named} id @param {string} [to] */
  #reactions(id, to) {
    /** @type {Record<string, string[]>} */
    const all = {};
    for (const [peer, { reacts }] of this.#authors) {
      const mayKnow = to === undefined || peer === to || peer === id.author;
      for (const reaction of (mayKnow && reacts.get(idOf(id))?.reactions) || []) {
        (all[reaction] ??= []).push(peer);
      }
    }
    return all;
  }

  /** @param {string} peer */
  #author(peer) {
    const author = this.#authors.get(peer) ?? nobody();
    this.#authors.set(peer, author);
    return author;
  }

  /** @param {Named} id */
  #kept({ number, author }) {
    return this.#authors.get(author)?.posts.get(number);
  }

  #tick() {
    this.#clock += 1;
    return this.#clock;
  }

  /**
   * @param {string} author
   * @param {Kept<Post>} post
   */
  #put(author, post) {
    const { posts } = this.#author(author);
    const old = posts.get(post.number);
    this.#arrivals += old ? 0 : 1;
    posts.set(post.number, { ...post, arrival: old?.arrival ?? this.#arrivals });
  }

  /**
   * Whose word it is, and who hands it on; nothing when nobody may say it.
   * @param {string} peer
   * @param {{ peer: string, name: string }} [author]
   */
  #speaker(peer, author) {
    if (!author) {
      return { author: peer, via: null };
    }
    if (author.peer === this.#me || this.#authors.get(author.peer)?.isHere) {
      return null;
    }
    this.#author(author.peer).name ||= author.name;
    return { author: author.peer, via: peer };
  }

  /**
   * @param {{ author: string, via: string | null }} speaker
   * @param {{ clock: number, last?: boolean }} message
   */
  #saw(speaker, { clock, last }) {
    this.#clock = Math.max(this.#clock, Math.min(clock, this.#clock + JUMP));
    const author = this.#author(speaker.author);
    if (last) {
      author.complete = Math.max(author.complete, clock);
      author.direct = speaker.via ? author.direct : Math.max(author.direct, clock);
    }
  }

  /**
   * @param {string} peer
   * @param {any} message
   */
  #heardPost(peer, message) {
    const { author: handedOn, number, clock, at, to, reply, text } = message;
    const isForUs = to === undefined || (to === this.#me && !handedOn);
    const isSound = isNumber(number) && isNumber(clock) && number <= clock && (text === undefined || fits(text));
    const speaker = isForUs && isSound && this.#speaker(peer, handedOn);
    if (!speaker) {
      return;
    }
    this.#saw(speaker, message);
    const old = this.#kept({ number, author: speaker.author });
    const post = { number, clock, at, ...(to && { to }), ...(reply && { reply }), via: speaker.via, arrival: 0 };
    const wasDeleted = old && old.text === undefined && !old.via === !speaker.via;
    if (replaces(post, old)) {
      this.#put(speaker.author, { ...post, ...(text !== undefined && !wasDeleted && { text }) });
    }
  }

  /**
   * @param {string} peer
   * @param {any} message
   */
  #heardReact(peer, message) {
    const { author: handedOn, of, clock, reactions } = message;
    const isSound = isNumber(of?.number) && isNumber(clock) && Array.isArray(reactions);
    const speaker = isSound && this.#speaker(peer, handedOn);
    if (!speaker) {
      return;
    }
    this.#saw(speaker, message);
    const { reacts } = this.#author(speaker.author);
    const react = { of, clock, reactions, via: speaker.via, arrival: 0 };
    if (replaces(react, reacts.get(idOf(of)))) {
      reacts.set(idOf(of), react);
    }
  }

  /**
   * @param {string} peer
   * @param {{ members: { peer: string, clock?: number }[], closed?: boolean }} message
   */
  #heardHave(peer, { members, closed }) {
    const link = this.#links.get(peer);
    if (!link) {
      return;
    }
    if (closed) {
      this.close();
    }
    if (!this.#isClosed) {
      this.#author(peer).came = 0;
    }
    link.theirs ??= new Map();
    for (const { peer: id, clock } of members) {
      const author = this.#authors.get(id);
      if (author) {
        link.theirs.set(id, clock ?? 'will say');
      }
      // They may have more than we do of somebody who left, and wait to hear how much we have.
      const has = author?.complete ?? 0;
      if (id !== this.#me && !author?.isHere && clock !== undefined && link.told.get(id) !== has) {
        this.#sayHave(link, [id]);
      }
    }
  }

  /**
   * @param {Link} link
   * @param {string[]} of
   * @param {{ peer: string, clock: number }[]} first
   */
  #sayHave(link, of, first = []) {
    const members = of.map((peer) => {
      const author = this.#authors.get(peer);
      return author?.isHere ? { peer } : { peer, clock: author?.complete ?? 0 };
    });
    link.say({ type: 'have', members: [...first, ...members], ...(this.#isClosed && { closed: true }) });
    for (const member of members) {
      if ('clock' in member) {
        link.told.set(member.peer, member.clock);
      }
    }
  }

  #tellAll() {
    this.#links.forEach((link, peer) => this.#tell(link, peer));
  }

  /** What somebody lacks: of what we said, and of what those said who left. @param {Link} link @param {string} peer */
  #tell(link, peer) {
    for (const [id, author] of link.theirs ? this.#authors : []) {
      const isOurs = id === this.#me;
      const standing = link.theirs?.get(id) ?? 0;
      if ((author.isHere && !isOurs) || id === peer || (standing === 'will say' && !isOurs)) {
        continue;
      }
      const has = standing === 'will say' ? 0 : standing;
      const posts = Array.from(author.posts.values()).filter((post) => this.#isFor(peer, id, post));
      const reacts = Array.from(author.reacts.values()).filter(({ of }) => this.#isReactionFor(peer, of, isOurs));
      const lacking = [...posts, ...reacts].filter(({ clock }) => clock > has).sort((a, b) => a.clock - b.clock);
      lacking.forEach((piece, place) => {
        const { via: _via, arrival: _arrival, ...rest } = piece;
        const isLast = place === lacking.length - 1 && (isOurs || piece.clock <= author.complete);
        link.say({
          type: 'of' in piece ? 'react' : 'post',
          ...(!isOurs && { author: { peer: id, name: author.name } }),
          ...rest,
          ...(isLast && { last: true }),
        });
        link.theirs?.set(id, piece.clock);
      });
    }
  }

  /**
   * @param {string} peer
   * @param {string} author
   * @param {Kept<Post>} post
   */
  #isFor(peer, author, { to, arrival }) {
    if (to !== undefined) {
      return to === peer && author === this.#me;
    }
    return !this.#isClosed || arrival > this.#author(peer).came;
  }

  /**
   * @param {string} peer
   * @param {Named} of
   * @param {boolean} isOurs
   */
  #isReactionFor(peer, of, isOurs) {
    const post = this.#kept(of);
    if (!post) {
      return !this.#isClosed;
    }
    const isTheirs = of.author === peer;
    if (post.to !== undefined) {
      return isOurs && (isTheirs || post.to === peer);
    }
    return isTheirs || this.#isFor(peer, of.author, post);
  }
}

/** @param {unknown} text */
function fits(text) {
  const isText = typeof text === 'string' && text.length > 0;
  return isText && [...text].length <= LONGEST_CHARACTERS && new TextEncoder().encode(text).length <= LONGEST_BYTES;
}
