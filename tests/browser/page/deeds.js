// What a member did on the board, by number: “Deeds” and the digest of “Handing on” of docs/protocol.md.

import { createSHA256 } from 'hash-wasm';
import { concat, toHex, utf8 } from './bytes.js';

/** From and to, both included. @typedef {[number, number]} Range */

const hasher = await createSHA256();
const LABEL = utf8('tincan deed');

/** @param {Uint8Array} bytes */
export const sha256 = (bytes) => hasher.init().update(bytes).digest('binary');

/**
 * Who have the same deeds of somebody who left have the same of this.
 * @param {Iterable<number>} numbers
 */
export function digest(numbers) {
  const all = new Uint8Array(8);
  for (const number of numbers) {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(number));
    const hash = sha256(concat(LABEL, bytes));
    all.forEach((byte, place) => (all[place] = byte ^ (hash[place] ?? 0)));
  }
  return toHex(all);
}

/**
 * The same numbers in as few ranges as there are.
 * @param {Iterable<Range>} ranges
 */
export function merged(ranges) {
  /** @type {Range[]} */
  const all = [];
  for (const [from, to] of Array.from(ranges).sort(([a], [b]) => a - b)) {
    const last = all.at(-1);
    if (last && from <= last[1] + 1) {
      // What is given stays as it is.
      all[all.length - 1] = [last[0], Math.max(last[1], to)];
    } else {
      all.push([from, to]);
    }
  }
  return all;
}

/** By author what was deleted of theirs, merged. @typedef {Map<string, Range[]>} Removal */

/**
 * Whether one deletion says all that another says.
 * @param {Removal} removal
 * @param {Removal} other
 */
export function contains(removal, other) {
  return Array.from(other).every(([author, ranges]) =>
    ranges.every(([from, to]) => removal.get(author)?.some(([first, last]) => first <= from && to <= last)),
  );
}
