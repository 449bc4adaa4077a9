// “Connecting to the server” of docs/protocol.md.

import { toHex } from './bytes.js';

/** @import { Identity } from './identity.js' */
/** @import { Keys } from './keys.js' */
/** @typedef {{ peers: string[], capacity: number, ice_servers: RTCIceServer[] }} Joined */
/**
 * @typedef {object} Listener
 * @property {(joined: Joined) => void} joined
 * @property {(peer: string) => void} arrived
 * @property {(peer: string) => void} left
 * @property {(from: string, envelope: string) => void} relayed
 * @property {(iceServers: RTCIceServer[]) => void} iceServers
 * @property {() => void} lost until `joined` comes again
 * @property {(code: string) => void} failed for good
 */

/** What the same request would be refused with again. */
const FINAL = ['malformed', 'version', 'room_not_found', 'room_full', 'bad_proof', 'too_large'];

/** A stay in a room. */
export class Signal {
  #url;
  #keys;
  #identity;
  #intent;
  #listener;
  /** @type {WebSocket | null} */
  #socket = null;
  #attempts = 0;
  #ended = false;

  /**
   * @param {string} server
   * @param {Keys} keys
   * @param {Identity} identity
   * @param {'create' | 'join'} intent
   * @param {Listener} listener
   */
  constructor(server, keys, identity, intent, listener) {
    this.#url = new URL('v2/signal', server.endsWith('/') ? server : `${server}/`);
    this.#keys = keys;
    this.#identity = identity;
    this.#intent = intent;
    this.#listener = listener;
    this.#connect();
  }

  /**
   * @param {string} to
   * @param {string} envelope
   */
  relay(to, envelope) {
    this.#say({ type: 'relay', to, envelope });
  }

  /** Gives the place up; whoever is there was told goodbye before. */
  leave() {
    this.#ended = true;
    this.#say({ type: 'leave' });
  }

  #connect() {
    const socket = new WebSocket(this.#url, 'tincan.v2');
    this.#socket = socket;
    socket.onmessage = ({ data }) => void this.#heard(socket, JSON.parse(data));
    socket.onclose = () => this.#closed(socket);
  }

  /** @param {WebSocket} socket */
  #closed(socket) {
    if (this.#ended || socket !== this.#socket) {
      return;
    }
    this.#socket = null;
    this.#listener.lost();
    const most = this.#attempts === 0 ? 250 : Math.min(500 * 2 ** (this.#attempts - 1), 15_000);
    const least = this.#attempts === 0 ? 0 : most / 2;
    this.#attempts += 1;
    setTimeout(() => this.#ended || this.#connect(), least + Math.random() * (most - least));
  }

  /** @param {object} message */
  #say(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) {
      this.#socket.send(JSON.stringify(message));
    }
  }

  /**
   * @param {WebSocket} socket
   * @param {any} message
   */
  async #heard(socket, message) {
    switch (message.type) {
      case 'challenge': {
        const proof = await this.#identity.prove(this.#keys.roomId, message.key);
        const [room, peer, intent] = [toHex(this.#keys.roomId), this.#identity.id, this.#intent];
        return this.#say({ type: 'join', version: 2, room, peer, proof, intent });
      }
      case 'joined':
        this.#attempts = 0;
        // After a restart the server knows no rooms.
        this.#intent = 'create';
        return this.#listener.joined(message);
      case 'peer_joined':
        return this.#listener.arrived(message.peer);
      case 'peer_left':
        return this.#listener.left(message.peer);
      case 'relay':
        return this.#listener.relayed(message.from, message.envelope);
      case 'ice_servers':
        return this.#listener.iceServers(message.ice_servers);
      case 'error':
        if (FINAL.includes(message.code) && socket === this.#socket) {
          this.#ended = true;
          this.#listener.failed(message.code);
        }
    }
  }
}
