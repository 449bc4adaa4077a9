// “Envelopes” of docs/protocol.md.

import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { concat, fromBase64, random, text, toBase64, utf8 } from './bytes.js';

/** @import { Bytes } from './bytes.js' */
/** @import { Pair } from './identity.js' */

const VERSION = Uint8Array.of(2);
const SEQUENCE_LENGTH = 8;
const NONCE_LENGTH = 24;
const PADDING = 256;
const MOST = 40960;

/**
 * @param {Pair} pair
 * @param {number} sequence
 * @param {object} message
 */
export function seal(pair, sequence, message, nonce = random(NONCE_LENGTH)) {
  const json = utf8(JSON.stringify(message));
  const plaintext = new Uint8Array(Math.ceil(json.length / PADDING) * PADDING).fill(0x20);
  if (plaintext.length > MOST) {
    throw new Error('this message is too large');
  }
  plaintext.set(json);
  const data = associatedData(pair.roomId, pair.me, pair.other, sequence);
  const sealed = xchacha20poly1305(pair.outgoing, nonce, data).encrypt(plaintext);
  return toBase64(concat(VERSION, bigEndian(sequence), nonce, sealed));
}

/**
 * The number, and what is inside (null when it is not understood); throws when it does not open.
 * @param {Pair} pair
 * @param {string} envelope
 * @returns {{ sequence: number, message: any }}
 */
export function open(pair, envelope) {
  const bytes = fromBase64(envelope);
  if (bytes[0] !== VERSION[0]) {
    throw new Error('an envelope of another version');
  }
  const nonceAt = VERSION.length + SEQUENCE_LENGTH;
  const sequence = Number(new DataView(bytes.buffer).getBigUint64(VERSION.length));
  const nonce = bytes.subarray(nonceAt, nonceAt + NONCE_LENGTH);
  const data = associatedData(pair.roomId, pair.other, pair.me, sequence);
  const plaintext = xchacha20poly1305(pair.incoming, nonce, data).decrypt(bytes.subarray(nonceAt + NONCE_LENGTH));
  return { sequence, message: read(plaintext) };
}

/** @param {Uint8Array} plaintext */
function read(plaintext) {
  try {
    return JSON.parse(text(plaintext));
  } catch {
    return null;
  }
}

/**
 * @param {Bytes} roomId
 * @param {Bytes} from
 * @param {Bytes} to
 * @param {number} sequence
 */
function associatedData(roomId, from, to, sequence) {
  return concat(utf8('tincan envelope v2'), VERSION, roomId, from, to, bigEndian(sequence));
}

/** @param {number} sequence */
function bigEndian(sequence) {
  const bytes = new Uint8Array(SEQUENCE_LENGTH);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(sequence));
  return bytes;
}
