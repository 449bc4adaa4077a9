// Points of a stroke, packed as “Board channel” of docs/protocol.md says.

import { fromBase64, toBase64 } from './bytes.js';

/** x, y and pressure. @typedef {[number, number, number]} Point */

const FAR = 10_000_000;
const LONGEST = 9_600;

/** @param {Point[]} points */
export function pack(points) {
  /** @type {number[]} */
  const bytes = [];
  let [beforeX, beforeY] = [0, 0];
  for (const [x, y, pressure] of points) {
    bytes.push(...varint(x - beforeX), ...varint(y - beforeY), pressure);
    [beforeX, beforeY] = [x, y];
  }
  return toBase64(Uint8Array.from(bytes));
}

/**
 * Throws where these are none.
 * @param {string} packed
 * @returns {Point[]}
 */
export function unpack(packed) {
  const bytes = fromBase64(packed);
  if (bytes.length > LONGEST) {
    throw new Error('too many points');
  }
  let at = 0;
  const byte = () => {
    const byte = bytes[at];
    at += 1;
    if (byte === undefined) {
      throw new Error('half a point');
    }
    return byte;
  };
  const difference = () => {
    let [value, place] = [0, 1];
    for (;;) {
      const next = byte();
      value += (next & 0x7f) * place;
      place *= 0x80;
      if (next < 0x80) {
        return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      }
      if (place > 2 ** 28) {
        throw new Error('no number is that long');
      }
    }
  };
  /** @type {Point[]} */
  const points = [];
  let [x, y] = [0, 0];
  while (at < bytes.length) {
    x += difference();
    y += difference();
    if (Math.abs(x) > FAR || Math.abs(y) > FAR) {
      throw new Error('too far away');
    }
    points.push([x, y, byte()]);
  }
  return points;
}

/** A number of either sign: zigzag, seven bits a byte, the lowest first. @param {number} value */
function varint(value) {
  let left = value < 0 ? -2 * value - 1 : 2 * value;
  const bytes = [];
  while (left >= 0x80) {
    bytes.push((left % 0x80) | 0x80);
    left = Math.floor(left / 0x80);
  }
  return [...bytes, left];
}
