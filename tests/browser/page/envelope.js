// “Envelopes” of docs/protocol.md.

import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { concat, fromBase64, fromHex, random, text, toBase64, utf8 } from './bytes.js';

/** @import { Keys } from './keys.js' */
/** @typedef {{ from: string, to: string, sequence: number }} Address */

const VERSION = Uint8Array.of(1);
const SEQUENCE_LENGTH = 8;
const NONCE_LENGTH = 24;
const PADDING = 256;

/**
 * @param {Keys} keys
 * @param {Address} address
 * @param {object} message
 */
export function seal(keys, address, message, nonce = random(NONCE_LENGTH)) {
  const json = utf8(JSON.stringify(message));
  const plaintext = new Uint8Array(Math.ceil(json.length / PADDING) * PADDING).fill(0x20);
  plaintext.set(json);
  const sealed = xchacha20poly1305(keys.signalKey, nonce, associatedData(keys, address)).encrypt(plaintext);
  return toBase64(concat(VERSION, bigEndian(address.sequence), nonce, sealed));
}

/**
 * What is inside, and its number; throws when it does not open.
 * @param {Keys} keys
 * @param {string} from
 * @param {string} to
 * @param {string} envelope
 */
export function open(keys, from, to, envelope) {
  const bytes = fromBase64(envelope);
  if (bytes[0] !== VERSION[0]) {
    throw new Error('an envelope of another version');
  }
  const nonceAt = VERSION.length + SEQUENCE_LENGTH;
  const sequence = Number(new DataView(bytes.buffer).getBigUint64(VERSION.length));
  const nonce = bytes.subarray(nonceAt, nonceAt + NONCE_LENGTH);
  const cipher = xchacha20poly1305(keys.signalKey, nonce, associatedData(keys, { from, to, sequence }));
  const message = JSON.parse(text(cipher.decrypt(bytes.subarray(nonceAt + NONCE_LENGTH))));
  return { sequence, message };
}

/**
 * @param {Keys} keys
 * @param {Address} address
 */
function associatedData(keys, { from, to, sequence }) {
  const label = utf8('tincan envelope v1');
  return concat(label, VERSION, keys.roomId, fromHex(from), fromHex(to), bigEndian(sequence));
}

/** @param {number} sequence */
function bigEndian(sequence) {
  const bytes = new Uint8Array(SEQUENCE_LENGTH);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(sequence));
  return bytes;
}
