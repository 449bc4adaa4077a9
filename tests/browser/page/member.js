// One other participant: the keys shared with them, what they said, and the newest connection to them.

import { FEATURES } from './channels.js';
import { Connection } from './connection.js';
import { Delivery } from './delivery.js';
import { pairKeys } from './identity.js';
import { relayed } from './relayed.js';
import { statisticsOf } from './statistics.js';
import { readStamp } from './stamp.js';

/** @import { StreamState } from './connection.js' */
/** @import { Pair } from './identity.js' */
/** @import { Room } from './room.js' */

/** Milliseconds. Whoever was there first waits so long for the newcomer's offer. */
const OFFER_WAIT = 5000;
/** What the polite side waits longer, so that not both make a connection anew. */
const POLITE_EXTRA = 4000;
const AGAIN_WAIT = 3000;

export class Member {
  #room;
  #pair;
  /** Signalling with them is handled one after the other. */
  #queue = Promise.resolve();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #due;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #againDue;
  screen = document.createElement('video');
  /** What they share. */
  shared = document.createElement('video');
  /** @type {Connection | null} */
  connection = null;
  /** Of the newest connection. */
  number = 0;
  /** @type {string | null} */
  name = null;
  /** What they understand beyond what everybody does. @type {string[]} */
  #features = [];
  /** What they say that they send. @type {StreamState[] | null} */
  streams = null;
  /** @type {number | null} */
  hand = null;
  /** Reactions, the last one last. @type {string[]} */
  reactions = [];
  /** Whether any connection with them was confirmed. */
  wasConfirmed = false;
  /** They came when we were there. */
  isNewcomer = false;
  /** They are at the door of the locked room, or wait there as we do. */
  waits = false;
  /** We wait until they let us in. */
  keepsUsOut = false;
  /** The server does not know them any more. */
  isAbsent = false;

  /**
   * @param {Room} room
   * @param {string} id
   * @param {Pair} pair
   */
  constructor(room, id, pair) {
    this.#room = room;
    this.id = id;
    this.#pair = pair;
    this.delivery = new Delivery(pair, (envelope) => room.signal.relay(id, envelope));
    Object.assign(this.screen, { autoplay: true, playsInline: true, width: 640, height: 360 });
    this.screen.dataset['member'] = id;
    Object.assign(this.shared, { autoplay: true, playsInline: true, width: 960, height: 540 });
    this.shared.dataset['screen'] = id;
  }

  /**
   * @param {Room} room
   * @param {string} id
   */
  static async of(room, id) {
    return new Member(room, id, await pairKeys(room.keys, room.identity, id));
  }

  get #polite() {
    return this.#room.identity.id < this.id;
  }

  /** @param {{ locked?: boolean }} [how] */
  hello({ locked } = {}) {
    const name = locked ? '' : this.#room.name;
    this.delivery.send({ type: 'hello', name, features: FEATURES, ...(locked && { locked }) });
  }

  /** Makes a connection when none was made by then. */
  offerAfter(wait = OFFER_WAIT) {
    clearTimeout(this.#due);
    this.#due = setTimeout(() => this.connection ?? this.offer(), wait);
  }

  /** Makes the next connection. */
  offer() {
    if (!this.#room.isKnocking && !this.waits) {
      this.#connect(this.number + 1, true);
    }
  }

  /** @param {string} envelope */
  heard(envelope) {
    let message;
    try {
      message = this.delivery.heard(envelope);
    } catch {
      // It does not open, so it is none of theirs.
      return;
    }
    if (message) {
      this.#queue = this.#queue.then(() => this.#message(message)).then(() => this.#room.changed());
    }
  }

  /** They are not in the call any more; they may come back by a message, or by coming in. */
  close() {
    clearTimeout(this.#due);
    clearTimeout(this.#againDue);
    this.connection?.close();
    this.connection = null;
    this.#room.together.closed(this.id);
    this.streams = null;
    this.screen.srcObject = null;
    this.shared.srcObject = null;
  }

  /** They are gone for good. */
  end() {
    this.close();
    this.delivery.away();
    this.screen.remove();
    this.shared.remove();
  }

  /** What a test is told of them. */
  report() {
    const { id, name, streams, hand, reactions, connection } = this;
    const on = (/** @type {string} */ source) => streams && streams.some((one) => one.source === source);
    return {
      id,
      name,
      connection: this.number,
      state: connection?.state,
      confirmed: connection?.isConfirmed ?? false,
      streams,
      microphoneOn: on('microphone'),
      cameraOn: on('camera'),
      screenOn: on('screen'),
      hand,
      reactions,
      exchanges: connection?.exchanges ?? 0,
      negotiated: connection?.negotiated ?? null,
    };
  }

  /** What this second's statistics say. */
  async second() {
    if (!this.connection) {
      return null;
    }
    const statistics = await statisticsOf(this.connection);
    const { videoWidth: width, videoHeight: height } = this.shared;
    const shared = { width, height, stamp: readStamp(this.shared) };
    return { name: this.name, statistics, stamp: readStamp(this.screen), shared };
  }

  /** @param {any} message */
  async #message(message) {
    const isCurrent = message.connection === this.number;
    switch (message.type) {
      case 'hello':
        return this.#hello(message);
      case 'description':
        if (this.waits || this.keepsUsOut || (this.#room.isKnocking && this.isNewcomer)) {
          // The connection that follows when somebody is let in counts on from it.
          this.number = Math.max(this.number, message.connection);
          return;
        }
        if (message.kind === 'offer' && (message.connection > this.number || (isCurrent && !this.connection))) {
          this.#connect(message.connection, false);
        }
        if (message.connection === this.number) {
          await this.connection?.description(message);
        }
        return;
      case 'candidates':
        for (const candidate of isCurrent ? message.candidates : []) {
          await this.connection?.candidate(candidate);
        }
        return;
      case 'refused':
        return this.keepsUsOut && this.#room.refused();
      case 'goodbye':
        this.#room.remove(this.id);
    }
  }

  /** @param {{ name: string, features: string[], locked?: boolean }} message */
  #hello({ name, features, locked }) {
    if (locked) {
      if (!this.wasConfirmed) {
        this.keepsUsOut = true;
        this.#room.keptOut();
      }
      return;
    }
    this.name = name;
    this.#features = features;
    this.#room.together.named(this.id, name);
    if (this.keepsUsOut) {
      // Whoever lets us in makes the connection.
      this.keepsUsOut = false;
      this.isNewcomer = false;
      this.offerAfter();
    }
  }

  /**
   * @param {number} number
   * @param {boolean} offers
   */
  #connect(number, offers) {
    clearTimeout(this.#due);
    const room = this.#room;
    this.connection?.close();
    room.together.closed(this.id);
    this.number = number;
    const { lossEvery } = room.options;
    this.connection = new Connection({
      iceServers: room.iceServers,
      polite: this.#polite,
      offers,
      pair: this.#pair,
      sends: () => room.sends(),
      watchFrames: room.options.watchFrames ?? false,
      send: (message) => {
        // Their answer has to come by the detour too.
        if (!lossEvery || /** @type {any} */ (message).type !== 'candidates') {
          this.delivery.send({ ...message, connection: number });
        }
      },
      changed: () => room.changed(),
      confirmed: () => this.#confirmed(),
      heard: (message) => this.#said(message),
      failed: () => this.offerAgain(),
      detour: async (candidate) => (lossEvery ? await relayed(candidate, lossEvery) : candidate),
      screen: this.screen,
      shared: this.shared,
    });
  }

  /** The connection failed: one side makes the next, and the other one later. */
  offerAgain() {
    this.close();
    if (this.isAbsent) {
      this.#room.remove(this.id);
    } else {
      this.offerAfter(this.#polite ? POLITE_EXTRA : 0);
    }
  }

  #confirmed() {
    const room = this.#room;
    this.wasConfirmed = true;
    this.connection?.say(room.state());
    const lock = room.lockMessage();
    if (lock) {
      this.connection?.say(lock);
    }
    if (room.again.takesPart) {
      const says = () => this.connection?.say({ type: 'again', code: room.again.ours() });
      if (this.isNewcomer || room.again.said) {
        says();
      } else {
        this.#againDue = setTimeout(says, AGAIN_WAIT);
      }
    }
    this.connection?.channels.use(
      this.#features.filter((feature) => FEATURES.includes(feature)),
      (channel, say) => room.together.opened(this.id, channel, say),
      (channel, message) => {
        room.together.heard(this.id, channel, message);
        room.changed();
      },
    );
    void room.confirmed();
  }

  /** @param {any} message on the control channel */
  #said(message) {
    const room = this.#room;
    switch (message.type) {
      case 'state':
        this.streams = message.streams;
        this.hand = message.hand ?? null;
        break;
      case 'want':
        for (const { source, height } of message.streams) {
          if (source === 'camera' || source === 'screen') {
            void this.connection?.shownAt(source, height);
          }
        }
        break;
      case 'reaction':
        this.reactions.push(message.reaction);
        break;
      case 'lock':
        room.heardLock(message);
        break;
      case 'admit':
        room.admitted(message.peer);
        break;
      case 'again':
        clearTimeout(this.#againDue);
        if (room.again.heard(message.code)) {
          room.sayToAll({ type: 'again', code: message.code });
        }
        break;
      case 'goodbye':
        room.remove(this.id);
    }
    room.changed();
  }
}
