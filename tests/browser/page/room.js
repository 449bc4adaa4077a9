// A stay in a room: who is there, what is sent to them, the lock, and what everybody can compare.

import { Again } from './again.js';
import { damagePicture, requestKeyframe } from './frames.js';
import { safetyNumber } from './keys.js';
import { Member } from './member.js';
import { sharedScreen } from './shared.js';
import { Signal } from './signal.js';
import { Together } from './together.js';

/** @import { Identity } from './identity.js' */
/** @import { Keys } from './keys.js' */
/** @import { Joined } from './signal.js' */
/** @import { Source } from './sources.js' */
/**
 * @typedef {object} Join
 * @property {string} server
 * @property {string} name
 * @property {string} [code] of the call to join; without it a new one is started
 * @property {number} width of the camera's picture
 * @property {number} height
 * @property {boolean} [watchFrames] whether frames pass through a worker that can ask for keyframes and damage them
 * @property {number} [lossEvery] puts something on the way that loses one in so many media packets
 */

const { report } = /** @type {any} */ (window);

export class Room {
  #code;
  #tracks;
  #isNew = true;
  #serverConnected = false;
  #capacity = 0;
  /** @type {Map<string, Member>} */
  #members = new Map();
  /** Everybody ever met, so that numbers go on. @type {Map<string, Member>} */
  #known = new Map();
  /** What the server says is handled one after the other. */
  #queue = Promise.resolve();
  /** @type {string | null} */
  #failed = null;
  #wasRefused = false;
  #sends = { microphone: true, camera: true };
  /** @type {ReturnType<typeof sharedScreen> | null} */
  #shared = null;
  /** @type {number | null} */
  #hand = null;
  #lock = { change: 0, locked: false };
  /** @type {Set<string>} */
  #admitted = new Set();
  /** @type {{ words: string[], digits: string } | null} */
  #safety = null;
  /** Whose number it is, or is being made. */
  #compared = '';
  /** @type {RTCIceServer[]} */
  iceServers = [];

  /**
   * @param {Join} options
   * @param {string} code
   * @param {Keys} keys
   * @param {Identity} identity
   * @param {MediaStream} stream
   */
  constructor(options, code, keys, identity, stream) {
    this.options = options;
    this.name = options.name;
    this.keys = keys;
    this.identity = identity;
    this.again = new Again(code);
    this.together = new Together(identity.id, () => this.changed());
    this.#code = code;
    this.#tracks = { microphone: stream.getAudioTracks()[0], camera: stream.getVideoTracks()[0] };
    /** @param {() => unknown} work */
    const later = (work) => {
      this.#queue = this.#queue.then(work).then(() => this.changed());
    };
    this.signal = new Signal(options.server, keys, identity, options.code ? 'join' : 'create', {
      joined: (joined) => later(() => this.#joined(joined)),
      arrived: (peer) => later(() => this.#arrived(peer, false)),
      left: (peer) => later(() => this.#left(peer)),
      relayed: (from, envelope) => later(() => this.#members.get(from)?.heard(envelope)),
      iceServers: (iceServers) => (this.iceServers = iceServers),
      lost: () => later(() => this.#lost()),
      failed: (code) => later(() => (this.#failed = code)),
    });
    // Whoever closes the window leaves the call.
    addEventListener('pagehide', () => this.leave());
    setInterval(() => void this.#tellStatistics(), 1000);
  }

  /** Whether somebody keeps us out of the locked room. */
  get isKnocking() {
    return this.#all().some(({ keepsUsOut }) => keepsUsOut);
  }

  /** What is sent now. @returns {Partial<Record<Source, MediaStreamTrack>>} */
  sends() {
    const { microphone, camera } = this.#tracks;
    return {
      ...(this.#sends.microphone && microphone && { microphone }),
      ...(this.#sends.camera && camera && { camera }),
      ...(this.#shared && { screen: this.#shared.track }),
    };
  }

  /** The same in words. */
  state() {
    const streams = Object.keys(this.sends()).map((source) => ({ source, paused: false }));
    return { type: 'state', streams, ...(this.#hand !== null && { hand: this.#hand }) };
  }

  /**
   * @param {'microphone' | 'camera'} source
   * @param {boolean} on
   */
  async send(source, on) {
    this.#sends[source] = on;
    await this.#sendOtherwise();
  }

  /** @param {boolean} on */
  async share(on) {
    this.#shared?.stop();
    this.#shared = on ? sharedScreen() : null;
    await this.#sendOtherwise();
  }

  async #sendOtherwise() {
    await Promise.all(this.#all().map(({ connection }) => connection?.update()));
    this.sayToAll(this.state());
  }

  /** @param {boolean} up */
  raiseHand(up) {
    this.#hand = up ? Date.now() : null;
    this.sayToAll(this.state());
  }

  /** @param {object} message */
  sayToAll(message) {
    for (const { connection } of this.#members.values()) {
      connection?.say(message);
    }
  }

  /** Chats or draws. @param {(together: Together) => void} what */
  do(what) {
    what(this.together);
    this.changed();
  }

  restartIce() {
    for (const { connection } of this.#members.values()) {
      connection?.restartIce();
    }
  }

  requestKeyframe() {
    requestKeyframe();
  }

  damagePicture() {
    damagePicture();
  }

  leave() {
    this.sayToAll({ type: 'goodbye' });
    for (const member of this.#members.values()) {
      member.delivery.send({ type: 'goodbye' });
      member.end();
    }
    this.#members.clear();
    this.signal.leave();
  }

  /** A member does not want us. */
  refused() {
    this.#wasRefused = true;
    this.leave();
  }

  /** Until somebody lets us in, we wait. */
  keptOut() {
    for (const member of this.#members.values()) {
      if (!member.wasConfirmed) {
        member.close();
      }
    }
  }

  /** @param {boolean} locked */
  lock(locked) {
    if (this.#lock.locked !== locked) {
      this.#turn(this.#lock.change + 1, locked, []);
      this.sayToAll(this.lockMessage() ?? {});
      this.changed();
    }
  }

  /** How the lock is, if it was ever turned. */
  lockMessage() {
    const members = [this.identity.id, ...this.#all().filter(({ waits }) => !waits).map(({ id }) => id)];
    return this.#lock.change > 0 ? { type: 'lock', ...this.#lock, members } : null;
  }

  /** @param {{ change: number, locked: boolean, members: string[] }} message */
  heardLock({ change, locked, members }) {
    if (change > this.#lock.change || (change === this.#lock.change && locked)) {
      if (locked) {
        // Whoever waited when we did, and was not let in, waits on.
        for (const member of this.#all().filter(({ id, wasConfirmed }) => !wasConfirmed && !members.includes(id))) {
          this.#keepOut(member);
        }
      }
      this.#turn(change, locked, members);
    }
  }

  /** @param {string} peer */
  letIn(peer) {
    if (this.#members.get(peer)?.waits) {
      this.sayToAll({ type: 'admit', peer });
      this.admitted(peer);
      this.changed();
    }
  }

  /** @param {string} peer */
  refuse(peer) {
    this.#members.get(peer)?.delivery.send({ type: 'refused' });
  }

  /** @param {string} peer */
  admitted(peer) {
    this.#admitted.add(peer);
    const member = this.#members.get(peer);
    if (member?.waits) {
      member.waits = false;
      this.together.came(peer, member.name);
      member.hello();
      member.offer();
    }
  }

  /** Somebody left. @param {string} peer */
  remove(peer) {
    this.#members.get(peer)?.end();
    if (this.#members.delete(peer)) {
      this.together.left(peer);
    }
    void this.confirmed();
    this.changed();
  }

  /** Others than before are confirmed. */
  async confirmed() {
    const confirmed = this.#all().filter(({ wasConfirmed }) => wasConfirmed);
    const ids = [this.identity.id, ...confirmed.map(({ id }) => id)];
    const compared = ids.toSorted().join();
    if (this.#compared !== compared) {
      this.#compared = compared;
      const safety = await safetyNumber(ids);
      if (this.#compared === compared) {
        this.#safety = safety;
        this.changed();
      }
    }
  }

  changed() {
    const others = this.#all().filter(({ waits }) => !waits);
    const reports = others.map((member) => member.report());
    report({
      page: {
        code: this.#code,
        id: this.identity.id,
        failed: this.#failed,
        refused: this.#wasRefused,
        serverConnected: this.#serverConnected,
        capacity: this.#capacity,
        phase: this.#phase(others),
        locked: this.#lock.locked,
        knocks: this.#all().flatMap(({ waits, id, name }) => (waits && name !== null ? [{ id, name }] : [])),
        safety: this.#safety,
        again: this.again.agreed,
        ...this.together.report(),
        others: reports,
        // The only one, in a call of two.
        other: reports[0] ?? null,
      },
    });
  }

  #all() {
    return Array.from(this.#members.values());
  }

  /** @param {Member[]} others */
  #phase(others) {
    if (this.#isNew) {
      return 'joining';
    }
    if (others.length === 0) {
      return 'alone';
    }
    const isUp = (/** @type {Member} */ { connection }) => connection?.isConfirmed && connection.state === 'connected';
    return others.some(isUp) ? 'connected' : this.isKnocking ? 'knocking' : 'connecting';
  }

  /** @param {Joined} joined */
  async #joined({ peers, capacity, ice_servers }) {
    this.#serverConnected = true;
    this.#capacity = capacity;
    this.iceServers = ice_servers;
    for (const peer of peers) {
      await this.#arrived(peer, this.#isNew);
    }
    this.#isNew = false;
  }

  #lost() {
    this.#serverConnected = false;
    for (const member of this.#members.values()) {
      member.delivery.away();
    }
  }

  /**
   * Somebody can be reached, for the first time or again.
   * @param {string} id
   * @param {boolean} weAreNew
   */
  async #arrived(id, weAreNew) {
    let member = this.#members.get(id);
    if (member) {
      member.isAbsent = false;
      member.delivery.here();
      return;
    }
    member = this.#known.get(id) ?? (await Member.of(this, id));
    this.#known.set(id, member);
    this.#members.set(id, member);
    document.body.append(member.screen, member.shared);
    member.isNewcomer = !weAreNew;
    member.delivery.here();
    if (this.#lock.locked && !this.#admitted.has(id)) {
      this.#keepOut(member);
      return;
    }
    this.together.came(id, member.name);
    member.hello();
    if (weAreNew) {
      member.offer();
    } else {
      member.offerAfter();
    }
  }

  /** @param {Member} member */
  #keepOut(member) {
    member.close();
    this.together.left(member.id);
    member.waits = true;
    member.hello({ locked: true });
  }

  /** @param {string} id */
  #left(id) {
    const member = this.#members.get(id);
    if (member?.connection?.state === 'connected') {
      // The server may have lost only their socket.
      member.isAbsent = true;
      member.delivery.away();
    } else if (member) {
      this.remove(id);
    }
  }

  /**
   * @param {number} change
   * @param {boolean} locked
   * @param {string[]} members
   */
  #turn(change, locked, members) {
    const here = this.#all().filter(({ waits }) => !waits);
    for (const id of [...members, ...here.map(({ id }) => id)]) {
      this.#admitted.add(id);
    }
    this.#lock = { change, locked };
    for (const { id } of this.#all().filter(({ waits }) => waits)) {
      if (!locked || this.#admitted.has(id)) {
        this.admitted(id);
      }
    }
  }

  async #tellStatistics() {
    const seconds = await Promise.all(this.#all().map((member) => member.second()));
    const others = seconds.filter((second) => second !== null);
    const [first] = others;
    if (first) {
      report({ statistics: first.statistics, stamp: first.stamp, shared: first.shared, others });
    }
  }
}
