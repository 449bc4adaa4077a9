// “Room codes”, “Keys” and “Safety number” of docs/protocol.md.

import { argon2id } from 'hash-wasm';
import { concat, fromHex, random, utf8 } from './bytes.js';

/** @import { Bytes } from './bytes.js' */
/** @typedef {{ roomId: Bytes, signalKey: Bytes }} Keys */

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

export function newCode() {
  return Array.from(random(10), (byte) => ALPHABET[byte & 31]).join('');
}

/**
 * The ten characters, however they were typed.
 * @param {string} typed
 */
export function readCode(typed) {
  const code = typed
    .toLowerCase()
    .replaceAll(/[\s\-_.\u2010-\u2015\u2212\u200b\ufeff]/g, '')
    .replaceAll('o', '0')
    .replaceAll(/[il]/g, '1');
  if (code.length !== 10 || Array.from(code).some((character) => !ALPHABET.includes(character))) {
    throw new Error('this is no room code');
  }
  return code;
}

/**
 * @param {string} code
 * @returns {Promise<Keys>}
 */
export async function deriveKeys(code) {
  const roomKey = await argon2id({
    password: readCode(code),
    salt: 'tincan room v1',
    memorySize: 65536,
    iterations: 3,
    parallelism: 1,
    hashLength: 32,
    outputType: 'binary',
  });
  const key = await crypto.subtle.importKey('raw', new Uint8Array(roomKey), 'HKDF', false, ['deriveBits']);
  /** @param {string} info @param {number} length */
  const derive = async (info, length) => {
    const parameters = { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info: utf8(info) };
    return new Uint8Array(await crypto.subtle.deriveBits(parameters, key, length * 8));
  };
  return {
    roomId: await derive('tincan room id v1', 16),
    signalKey: await derive('tincan signal key v1', 32),
  };
}

/**
 * The eight digits of the safety number of both fingerprints, in any order.
 * @param {Bytes} one
 * @param {Bytes} other
 */
export async function safetyDigits(one, other) {
  const differs = one.findIndex((byte, index) => byte !== other[index]);
  const isLower = (one[differs] ?? 0) <= (other[differs] ?? 0);
  const output = await argon2id({
    password: isLower ? concat(one, other) : concat(other, one),
    salt: 'tincan safety number v1',
    memorySize: 19456,
    iterations: 2,
    parallelism: 1,
    hashLength: 12,
    outputType: 'binary',
  });
  const number = new DataView(output.buffer, output.byteOffset).getBigUint64(4) % 100_000_000n;
  return number.toString().padStart(8, '0').replace(/^(.{4})/, '$1 ');
}

/**
 * The fingerprint that a description names.
 * @param {string} sdp
 */
export function fingerprint(sdp) {
  const found = /^a=fingerprint:sha-256 (\S+)/im.exec(sdp);
  return fromHex((found?.[1] ?? '').replaceAll(':', ''));
}
