// “Connecting to the server” and the numbering of “Envelopes” in docs/protocol.md.

import { random, toHex } from './bytes.js';
import { open, seal } from './envelope.js';

/** @import { Keys } from './keys.js' */
/** @typedef {{ type: 'joined', peers: string[], ice_servers: RTCIceServer[] }} Joined */
/** @typedef {{ type: string, from: string, [field: string]: any }} PeerMessage */
/**
 * @typedef {object} Listener
 * @property {(joined: Joined) => void} joined
 * @property {(peer: string) => void} arrived
 * @property {(peer: string) => void} left
 * @property {(message: PeerMessage) => void} message
 * @property {(code: string) => void} failed
 */

/** A stay in a room. */
export class Signal {
  peer = toHex(random(8));
  #secret = toHex(random(16));
  #socket;
  #keys;
  /** @type {Map<string, number>} */
  #sent = new Map();
  /** @type {Map<string, number>} */
  #taken = new Map();

  /**
   * @param {string} server
   * @param {Keys} keys
   * @param {'create' | 'join'} intent
   * @param {Listener} listener
   */
  constructor(server, keys, intent, listener) {
    this.#keys = keys;
    this.#socket = new WebSocket(new URL('v1/signal', server.endsWith('/') ? server : `${server}/`), 'tincan.v1');
    this.#socket.onopen = () => {
      const { peer } = this;
      this.#say({ type: 'join', version: 1, room: toHex(keys.roomId), peer, secret: this.#secret, intent });
    };
    this.#socket.onmessage = ({ data }) => this.#heard(JSON.parse(data), listener);
    this.#socket.onclose = ({ code }) => listener.failed(`closed with ${code}`);
  }

  /**
   * Seals a message for somebody.
   * @param {string} to
   * @param {object} message
   */
  send(to, message) {
    const sequence = (this.#sent.get(to) ?? 0) + 1;
    this.#sent.set(to, sequence);
    const envelope = seal(this.#keys, { from: this.peer, to, sequence }, message);
    this.#say({ type: 'relay', to, envelope });
  }

  /** Gives the place up; whoever is there was told goodbye before. */
  leave() {
    this.#socket.onclose = null;
    this.#say({ type: 'leave' });
  }

  /** @param {object} message */
  #say(message) {
    this.#socket.send(JSON.stringify(message));
  }

  /**
   * @param {any} message
   * @param {Listener} listener
   */
  #heard(message, listener) {
    switch (message.type) {
      case 'joined':
        return listener.joined(message);
      case 'peer_joined':
        return listener.arrived(message.peer);
      case 'peer_left':
        return listener.left(message.peer);
      case 'relay': {
        const opened = this.#open(message.from, message.envelope);
        return opened && listener.message({ ...opened, from: message.from });
      }
      case 'error':
        this.#socket.onclose = null;
        return listener.failed(message.code);
    }
  }

  /**
   * What does not open, or comes a second time, is dropped.
   * @param {string} from
   * @param {string} envelope
   */
  #open(from, envelope) {
    try {
      const { sequence, message } = open(this.#keys, from, this.peer, envelope);
      if (sequence <= (this.#taken.get(from) ?? 0)) {
        return null;
      }
      this.#taken.set(from, sequence);
      return message;
    } catch {
      return null;
    }
  }
}
