// “Channels” of docs/protocol.md: the data channels beside control that this page speaks.

import { text, utf8 } from './bytes.js';

/** @typedef {'chat' | 'board' | 'ink'} Name */
/** @typedef {{ id: number, feature: string, reliable: boolean }} Kind */

/** @type {Record<Name, Kind>} */
const KINDS = {
  chat: { id: 1, feature: 'chat', reliable: true },
  board: { id: 3, feature: 'board', reliable: true },
  ink: { id: 5, feature: 'board', reliable: false },
};

export const FEATURES = ['chat', 'board'];

/** Bytes of a message. */
const LONGEST = 16_384;
/** Bytes that are kept of a channel before the other side is confirmed. */
const EARLY = 262_144;

/** What can be said on an open channel. @typedef {(message: object) => void} Say */

/** The channels of one connection. */
export class Channels {
  /** @type {Record<Name, Channel>} */
  #all;

  /**
   * Opening says nothing to the other side, so all are made with the connection.
   * @param {RTCPeerConnection} pc
   */
  constructor(pc) {
    this.#all = { chat: new Channel(pc, 'chat'), board: new Channel(pc, 'board'), ink: new Channel(pc, 'ink') };
  }

  /**
   * The other side is confirmed, and has these features: what both have is used from now on.
   * @param {string[]} features
   * @param {(name: Name, say: Say) => void} opened
   * @param {(name: Name, message: any) => void} heard
   */
  use(features, opened, heard) {
    for (const channel of Object.values(this.#all)) {
      if (features.includes(KINDS[channel.name].feature)) {
        channel.use(opened, heard);
      }
    }
  }
}

class Channel {
  #channel;
  /** What came before the channel is used. @type {unknown[] | null} */
  #early = [];
  #earlyBytes = 0;
  /** @type {(name: Name, message: any) => void} */
  #heard = () => undefined;

  /**
   * @param {RTCPeerConnection} pc
   * @param {Name} name
   */
  constructor(pc, name) {
    this.name = name;
    const { id, reliable } = KINDS[name];
    const way = reliable ? {} : { ordered: false, maxRetransmits: 0 };
    this.#channel = pc.createDataChannel(name, { negotiated: true, id, ...way });
    this.#channel.binaryType = 'arraybuffer';
    this.#channel.onmessage = ({ data }) => (this.#early ? this.#keep(data) : this.#hear(data));
  }

  /**
   * @param {(name: Name, say: Say) => void} opened
   * @param {(name: Name, message: any) => void} heard
   */
  use(opened, heard) {
    const begin = () => {
      this.#heard = heard;
      opened(this.name, (message) => this.#say(message));
      const early = this.#early ?? [];
      this.#early = null;
      early.forEach((data) => this.#hear(data));
    };
    if (this.#channel.readyState === 'open') {
      begin();
    } else {
      this.#channel.onopen = begin;
    }
  }

  /** Each channel has an order of its own, so what is said here may overtake `confirm`. @param {unknown} data */
  #keep(data) {
    this.#earlyBytes += data instanceof ArrayBuffer ? data.byteLength : String(data).length;
    if (this.#earlyBytes > EARLY) {
      this.#channel.close();
    } else {
      this.#early?.push(data);
    }
  }

  /** @param {unknown} data */
  #hear(data) {
    const message = read(data);
    if (message) {
      this.#heard(this.name, message);
    }
  }

  /** @param {object} message */
  #say(message) {
    const bytes = utf8(JSON.stringify(message));
    if (bytes.length > LONGEST) {
      throw new Error(`a message of ${bytes.length} bytes on the channel ${this.name}`);
    }
    if (this.#channel.readyState === 'open') {
      this.#channel.send(bytes);
    }
  }
}

/**
 * A message: an object, or nothing.
 * @param {unknown} data
 */
function read(data) {
  try {
    const message = JSON.parse(data instanceof ArrayBuffer ? text(new Uint8Array(data)) : String(data));
    return message && typeof message === 'object' ? message : null;
  } catch {
    return null;
  }
}
