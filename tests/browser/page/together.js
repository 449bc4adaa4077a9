// What people in a room do together beside talking: they chat and draw.

import { Board } from './board.js';
import { Chat } from './chat.js';
import { Ink } from './ink.js';

/** @import { Name, Say } from './channels.js' */

export class Together {
  /** @param {string} me @param {() => void} changed */
  constructor(me, changed) {
    this.chat = new Chat(me);
    this.ink = new Ink(changed);
    this.board = new Board(me, (peer, stroke) => this.ink.finished(peer, stroke), changed);
  }

  /**
   * Somebody is in the room.
   * @param {string} peer
   * @param {string | null} name if they said it already
   */
  came(peer, name) {
    this.chat.came(peer);
    this.board.came(peer);
    if (name !== null) {
      this.named(peer, name);
    }
  }

  /** @param {string} peer @param {string} name */
  named(peer, name) {
    this.chat.named(peer, name);
    this.board.named(peer, name);
  }

  /** Somebody is not in the room any more. @param {string} peer */
  left(peer) {
    this.ink.closed(peer);
    this.chat.left(peer);
    this.board.left(peer);
  }

  /** A channel to somebody is open, for the first time or anew. @param {string} peer @param {Name} name @param {Say} say */
  opened(peer, name, say) {
    this[name].opened(peer, say);
  }

  /** The connection to somebody is lost. @param {string} peer */
  closed(peer) {
    this.chat.closed(peer);
    this.board.closed(peer);
    this.ink.closed(peer);
  }

  /** @param {string} peer @param {Name} name @param {any} message */
  heard(peer, name, message) {
    this[name].heard(peer, message);
  }

  /** What a test is told. */
  report() {
    const { pictures } = this.board;
    return { chat: this.chat.view(), board: this.board.view(), pictures: pictures.here, ink: this.ink.view() };
  }
}
