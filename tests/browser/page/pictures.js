// “Pictures” of “Board channel” in docs/protocol.md: their bytes, which whoever lacks them asks for.

import { concat, fromBase64, text, toBase64, toHex } from './bytes.js';
import { sha256 } from './deeds.js';

/** @import { Bytes } from './bytes.js' */
/** @typedef {{ hash: string, bytes: number, width: number, height: number }} Picture */
/** @typedef {{ picture: Picture, author: string, from: string | null, data: Bytes, tried: Set<string>, since: number }} Fetch */

const PART = 8_192;
/** So much is on its way beyond what the other side says that it has. */
const WINDOW = 32_768;
/** Milliseconds. */
const PATIENCE = 10_000;
const LOOK = 500;

export class Pictures {
  #say;
  #changed;
  /** @type {Map<string, Bytes>} */
  #whole = new Map();
  /** @type {Map<string, Fetch>} */
  #fetches = new Map();
  /** Up to where somebody was told which picture. @type {Map<string, { hash: string, at: number }>} */
  #sending = new Map();
  /** @type {Set<string>} */
  #peers = new Set();

  /**
   * @param {(peer: string, message: object) => void} say
   * @param {() => void} changed
   */
  constructor(say, changed) {
    this.#say = say;
    this.#changed = changed;
    setInterval(() => this.#look(performance.now()), LOOK);
  }

  /** Hashes of those that are here. */
  get here() {
    return Array.from(this.#whole.keys());
  }

  /** @param {string} peer */
  opened(peer) {
    this.closed(peer);
    this.#peers.add(peer);
  }

  /** @param {string} peer */
  closed(peer) {
    this.#peers.delete(peer);
    this.#sending.delete(peer);
    for (const fetch of this.#fetches.values()) {
      if (fetch.from === peer) {
        giveUp(fetch);
      }
      fetch.tried.delete(peer);
    }
  }

  /** One of ours, a PNG. @param {Bytes} bytes @returns {Picture} */
  add(bytes) {
    const size = sizeOf(bytes);
    if (!size) {
      throw new Error('no PNG');
    }
    const hash = toHex(sha256(bytes));
    this.#whole.set(hash, bytes);
    return { hash, bytes: bytes.length, ...size };
  }

  /** Something shows it that somebody drew. @param {Picture} picture @param {string} author */
  wanted(picture, author) {
    if (!this.#whole.has(picture.hash) && !this.#fetches.has(picture.hash)) {
      const since = performance.now();
      const nothing = { from: null, data: new Uint8Array(), tried: new Set() };
      this.#fetches.set(picture.hash, { picture, author, since, ...nothing });
      this.#look(since);
    }
  }

  /**
   * @param {string} peer
   * @param {any} message
   */
  heard(peer, message) {
    switch (message.type) {
      case 'want':
        return this.#wants(peer, message);
      case 'part':
        return this.#part(peer, message);
      case 'lack': {
        const fetch = this.#fetches.get(message.picture);
        if (fetch?.from === peer) {
          giveUp(fetch);
          this.#look(performance.now());
        }
      }
    }
  }

  /** @param {string} peer @param {{ picture: string, from: number }} message */
  #wants(peer, { picture: hash, from }) {
    const bytes = this.#whole.get(hash);
    if (!bytes) {
      return this.#say(peer, { type: 'lack', picture: hash });
    }
    const before = this.#sending.get(peer);
    const goesOn = before?.hash === hash && from > 0 && from <= before.at;
    let at = goesOn ? before.at : from;
    const end = Math.min(bytes.length, from + WINDOW);
    while (at < end) {
      const part = bytes.slice(at, Math.min(end, at + PART));
      this.#say(peer, { type: 'part', picture: hash, at, data: toBase64(part) });
      at += part.length;
    }
    this.#sending.set(peer, { hash, at });
  }

  /** @param {string} peer @param {{ picture: string, at: number, data: string }} message */
  #part(peer, { picture: hash, at, data }) {
    const fetch = this.#fetches.get(hash);
    if (fetch?.from !== peer || at !== fetch.data.length) {
      return;
    }
    fetch.data = concat(fetch.data, fromBase64(data));
    fetch.since = performance.now();
    if (fetch.data.length < fetch.picture.bytes) {
      return this.#say(peer, { type: 'want', picture: hash, from: fetch.data.length });
    }
    if (fetch.data.length === fetch.picture.bytes && isIt(fetch)) {
      this.#whole.set(hash, fetch.data);
      this.#fetches.delete(hash);
      this.#changed();
    } else {
      giveUp(fetch);
    }
    this.#look(fetch.since);
  }

  /** Asks each member for one picture at a time, whoever drew it first. @param {number} now */
  #look(now) {
    for (const fetch of this.#fetches.values()) {
      if (fetch.from !== null && now - fetch.since >= PATIENCE) {
        giveUp(fetch);
      }
    }
    const busy = new Set(Array.from(this.#fetches.values(), ({ from }) => from));
    for (const [hash, fetch] of this.#fetches) {
      const free = Array.from(this.#peers).filter((peer) => !busy.has(peer) && !fetch.tried.has(peer));
      const asked = free.includes(fetch.author) ? fetch.author : free[0];
      if (fetch.from === null && asked !== undefined) {
        busy.add(asked);
        Object.assign(fetch, { from: asked, since: now });
        this.#say(asked, { type: 'want', picture: hash, from: 0 });
      } else if (fetch.from === null && now - fetch.since >= PATIENCE) {
        // Somebody may have got it meanwhile.
        Object.assign(fetch, { tried: new Set(), since: now });
      }
    }
  }
}

/** It begins anew, with somebody else. @param {Fetch} fetch */
function giveUp(fetch) {
  if (fetch.from !== null) {
    fetch.tried.add(fetch.from);
  }
  Object.assign(fetch, { from: null, data: new Uint8Array() });
}

/** Whether this is what the element says. (Of other kinds than PNG the size is not looked at.) @param {Fetch} fetch */
function isIt({ picture, data }) {
  const size = sizeOf(data);
  const fits = !size || (size.width === picture.width && size.height === picture.height);
  return fits && toHex(sha256(data)) === picture.hash;
}

/** Of a PNG, in pixels. @param {Bytes} bytes */
function sizeOf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isPng = bytes.length >= 24 && bytes[0] === 0x89 && text(bytes.slice(1, 4)) === 'PNG';
  return isPng ? { width: view.getUint32(16), height: view.getUint32(20) } : null;
}
