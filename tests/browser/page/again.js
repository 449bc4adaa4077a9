// `again` of “Control channel” in docs/protocol.md: the code for the calls that follow.

import { newLongCode } from './keys.js';

export class Again {
  /** What we say. @type {string | null} */
  said = null;
  /** The code that somebody else said too. @type {string | null} */
  agreed = null;

  /** @param {string} code of this room */
  constructor(code) {
    this.takesPart = code.length === 10;
  }

  /** Our code; made when there is none. */
  ours() {
    this.said ??= newLongCode();
    return this.said;
  }

  /**
   * Whether it is to be said to everybody.
   * @param {string} code
   */
  heard(code) {
    if (!this.takesPart || (this.said !== null && code > this.said)) {
      return false;
    }
    const isNew = code !== this.said;
    this.said = this.agreed = code;
    return isNew;
  }
}
