// “Room codes”, “Keys” and “Safety number” of docs/protocol.md.

import { argon2id } from 'hash-wasm';
import { concat, fromHex, random, utf8 } from './bytes.js';
import { expand } from './identity.js';

/** @import { Bytes } from './bytes.js' */
/** @typedef {{ roomId: Bytes, signalKey: Bytes }} Keys */

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** A short one: to be read aloud, for one call. */
export function newCode() {
  return randomCode(10);
}

/** For the calls that follow. */
export function newLongCode() {
  return randomCode(20);
}

/** @param {number} length */
function randomCode(length) {
  return Array.from(random(length), (byte) => ALPHABET[byte & 31]).join('');
}

/**
 * The ten or twenty characters, however they were typed.
 * @param {string} typed
 */
export function readCode(typed) {
  const code = typed
    .toLowerCase()
    .replaceAll(/[\s\-_.\u2010-\u2015\u2212\u200b\ufeff]/g, '')
    .replaceAll('o', '0')
    .replaceAll(/[il]/g, '1');
  const isWhole = code.length === 10 || code.length === 20;
  if (!isWhole || Array.from(code).some((character) => !ALPHABET.includes(character))) {
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
  /** @param {string} info @param {number} length */
  const derive = (info, length) => expand(new Uint8Array(roomKey), new Uint8Array(), utf8(info), length);
  return {
    roomId: await derive('tincan room id v1', 16),
    signalKey: await derive('tincan signal key v1', 32),
  };
}

/** Commas part them, since some are of two words. */
const WORDS = `
  dog, cat, lion, horse, pig, elephant, rabbit, panda, chicken, penguin, turtle, fish, octopus, snail, bee,
  snake, tulip, cactus, tree, mushroom, corn, apple, banana, grapes, strawberry, pineapple, pizza, burger, ice
  cream, cake, doughnut, coffee, globe, moon, star, fire, rainbow, lightning, umbrella, snowman, balloon,
  present, guitar, trumpet, bell, rocket, bicycle, train, car, boat, aeroplane, house, anchor, key, lock,
  hammer, scissors, paper clip, camera, light bulb, alarm clock, glasses, hat, crown
`
  .split(',')
  .map((word) => word.trim().replaceAll(/\s+/g, ' '));

/**
 * The room's safety number.
 * @param {string[]} ids everybody whose connection is confirmed, and the own, in any order
 * @returns {Promise<{ words: string[], digits: string }>}
 */
export async function safetyNumber(ids) {
  const output = await argon2id({
    // Hex digits are in the order of the bytes that they stand for.
    password: concat(...ids.toSorted().map(fromHex)),
    salt: 'tincan safety number v2',
    memorySize: 19456,
    iterations: 2,
    parallelism: 1,
    hashLength: 12,
    outputType: 'binary',
  });
  const number = new DataView(output.buffer, output.byteOffset).getBigUint64(4) % 100_000_000n;
  const digits = number.toString().padStart(8, '0').replace(/^(.{4})/, '$1 ');
  return { words: Array.from(output.subarray(0, 4), (byte) => WORDS[byte & 63] ?? ''), digits };
}

const FINGERPRINT = /^a=fingerprint:sha-256 ([0-9a-f]{2}(?::[0-9a-f]{2}){31})\r?$/i;

/**
 * The one certificate that a description names: throws when it names none, more than one, or hides one from a reader
 * who is less strict.
 * @param {string} sdp
 */
export function fingerprint(sdp) {
  const lines = sdp.split('\n').filter((line) => /fingerprint/i.test(line));
  const digests = lines.map((line) => FINGERPRINT.exec(line)?.[1]?.toLowerCase());
  const [digest] = digests;
  if (!digest || digests.some((other) => other !== digest)) {
    throw new Error('this description does not name one certificate');
  }
  return digest;
}

/**
 * The SHA-256 of a certificate as the handshake saw it.
 * @param {ArrayBuffer | undefined} certificate
 */
export async function digest(certificate) {
  if (!certificate) {
    throw new Error('the handshake had no certificate');
  }
  return new Uint8Array(await crypto.subtle.digest('SHA-256', certificate));
}
