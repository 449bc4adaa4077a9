// “Delivery” of docs/protocol.md: what two members say to each other through the server arrives once and in order.

import { open, seal } from './envelope.js';

/** @import { Pair } from './identity.js' */

/** Milliseconds. */
const ACKNOWLEDGE_WITHIN = 50;
const AGAIN_AFTER = [2000, 4000, 8000, 15000];
/** Twice a second. */
const SPACING = 500;
const MOST_KEPT = 64;

/** Both directions between us and one other member, for the whole stay. */
export class Delivery {
  #pair;
  #relay;
  /** Whether they are in the room. */
  #present = false;
  #sent = 0;
  /** What was not acknowledged yet. @type {{ sequence: number, envelope: string }[]} */
  #kept = [];
  #attempts = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;
  #taken = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #acknowledge;
  #resentAt = -SPACING;
  #askedAt = -SPACING;

  /**
   * @param {Pair} pair
   * @param {(envelope: string) => void} relay
   */
  constructor(pair, relay) {
    this.#pair = pair;
    this.#relay = relay;
  }

  /** @param {object} message */
  send(message) {
    if (this.#kept.length >= MOST_KEPT) {
      throw new Error('they do not read what we say');
    }
    this.#sent += 1;
    const envelope = seal(this.#pair, this.#sent, message);
    this.#kept.push({ sequence: this.#sent, envelope });
    if (this.#present) {
      this.#relay(envelope);
      this.#later();
    }
  }

  /** They are there, and so are we: for the first time or again. */
  here() {
    this.#present = true;
    this.#say(true);
    this.#again();
  }

  /** They, or we, are not in the room any more. */
  away() {
    this.#present = false;
    clearTimeout(this.#retry);
    clearTimeout(this.#acknowledge);
    this.#retry = this.#acknowledge = undefined;
  }

  /**
   * What is inside, if it is the next message; throws when it does not open.
   * @param {string} envelope
   * @returns {any}
   */
  heard(envelope) {
    const { sequence, message } = open(this.#pair, envelope);
    if (sequence === 0) {
      if (message?.type === 'ack') {
        this.#acknowledged(message);
      }
      return null;
    }
    if (sequence > this.#taken + 1) {
      if (performance.now() - this.#askedAt >= SPACING) {
        this.#askedAt = performance.now();
        this.#say(true);
      }
      return null;
    }
    this.#acknowledge ??= setTimeout(() => this.#say(false), ACKNOWLEDGE_WITHIN);
    if (sequence <= this.#taken) {
      return null;
    }
    this.#taken = sequence;
    return message;
  }

  /** @param {{ received: number, resend?: boolean }} acknowledgement */
  #acknowledged({ received, resend }) {
    const before = this.#kept.length;
    this.#kept = this.#kept.filter(({ sequence }) => sequence > received);
    if (this.#kept.length < before) {
      this.#attempts = 0;
      clearTimeout(this.#retry);
      this.#retry = undefined;
      this.#later();
    }
    if (resend && performance.now() - this.#resentAt >= SPACING) {
      this.#resentAt = performance.now();
      this.#again();
    }
  }

  /** @param {boolean} resend */
  #say(resend) {
    clearTimeout(this.#acknowledge);
    this.#acknowledge = undefined;
    const acknowledgement = { type: 'ack', received: this.#taken, ...(resend && { resend }) };
    this.#relay(seal(this.#pair, 0, acknowledgement));
  }

  #again() {
    for (const { envelope } of this.#kept) {
      this.#relay(envelope);
    }
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#later();
  }

  #later() {
    if (this.#kept.length > 0 && this.#present) {
      const wait = AGAIN_AFTER[Math.min(this.#attempts, AGAIN_AFTER.length - 1)];
      this.#retry ??= setTimeout(() => {
        this.#attempts += 1;
        this.#again();
      }, wait);
    }
  }
}
