// “Peer ids and pair keys” and “Proof of the peer id” of docs/protocol.md.

import { concat, fromHex, random, toHex, utf8 } from './bytes.js';

/** @import { Bytes } from './bytes.js' */
/** @import { Keys } from './keys.js' */

/** What every X25519 secret key has before its 32 bytes in PKCS #8 (RFC 8410, section 7). */
const PKCS8 = fromHex('302e020100300506032b656e04220420');
/** RFC 7748, 4.1. */
const BASE_POINT = Uint8Array.of(9, ...new Uint8Array(31));

/** Who somebody is for one stay. */
export class Identity {
  #secret;

  /**
   * @param {CryptoKey} secret
   * @param {Bytes} bytes
   */
  constructor(secret, bytes) {
    this.#secret = secret;
    this.bytes = bytes;
    /** The peer id. */
    this.id = toHex(bytes);
  }

  static async create(secret = random(32)) {
    const key = await crypto.subtle.importKey('pkcs8', concat(PKCS8, secret), 'X25519', false, ['deriveBits']);
    return new Identity(key, await exchange(key, BASE_POINT));
  }

  /**
   * What both ends of a pair share.
   * @param {Bytes} theirs a public key
   */
  exchange(theirs) {
    return exchange(this.#secret, theirs);
  }

  /**
   * The answer to a server's challenge.
   * @param {Bytes} roomId
   * @param {string} challenge
   */
  async prove(roomId, challenge) {
    const server = fromHex(challenge);
    const key = await expand(await this.exchange(server), new Uint8Array(), utf8('tincan join v2'), 32);
    return toHex(await hmac(key, concat(roomId, this.bytes, server)));
  }
}

/**
 * @param {CryptoKey} secret
 * @param {Bytes} theirs
 */
async function exchange(secret, theirs) {
  const key = await crypto.subtle.importKey('raw', theirs, 'X25519', false, []);
  const shared = new Uint8Array(await crypto.subtle.deriveBits({ name: 'X25519', public: key }, secret, 256));
  if (shared.every((byte) => byte === 0)) {
    throw new Error('nothing can be agreed on with this key');
  }
  return shared;
}

/** What two members share. @typedef {{ roomId: Bytes, me: Bytes, other: Bytes, outgoing: Bytes, incoming: Bytes, confirm: Bytes }} Pair */

/**
 * @param {Keys} keys
 * @param {Identity} identity
 * @param {string} other
 * @returns {Promise<Pair>}
 */
export async function pairKeys(keys, identity, other) {
  if (other === identity.id) {
    throw new Error('nobody is a pair with themselves');
  }
  const { roomId } = keys;
  const [me, them] = [identity.bytes, fromHex(other)];
  const isLow = identity.id < other;
  const info = concat(utf8('tincan pair v2'), roomId, isLow ? me : them, isLow ? them : me);
  const all = await expand(await identity.exchange(them), keys.signalKey, info, 96);
  const [lowHigh, highLow, confirm] = [all.slice(0, 32), all.slice(32, 64), all.slice(64)];
  const [outgoing, incoming] = isLow ? [lowHigh, highLow] : [highLow, lowHigh];
  return { roomId, me, other: them, outgoing, incoming, confirm };
}

/**
 * What we say of a finished handshake.
 * @param {Pair} pair
 * @param {Bytes} own SHA-256 of our certificate
 * @param {Bytes} theirs
 */
export async function confirmation(pair, own, theirs) {
  return toHex(await hmac(pair.confirm, concat(pair.me, own, theirs)));
}

/**
 * Whether what they say of it fits.
 * @param {Pair} pair
 * @param {Bytes} own
 * @param {Bytes} theirs
 * @param {unknown} mac
 */
export async function isConfirmed(pair, own, theirs, mac) {
  return mac === toHex(await hmac(pair.confirm, concat(pair.other, theirs, own)));
}

/**
 * @param {Bytes} key
 * @param {Bytes} message
 */
async function hmac(key, message) {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const imported = await crypto.subtle.importKey('raw', key, algorithm, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, message));
}

/**
 * HKDF with SHA-256.
 * @param {Bytes} key
 * @param {Bytes} salt
 * @param {Bytes} info
 * @param {number} length in bytes
 */
export async function expand(key, salt, info, length) {
  const imported = await crypto.subtle.importKey('raw', key, 'HKDF', false, ['deriveBits']);
  const parameters = { name: 'HKDF', hash: 'SHA-256', salt, info };
  return new Uint8Array(await crypto.subtle.deriveBits(parameters, imported, length * 8));
}
