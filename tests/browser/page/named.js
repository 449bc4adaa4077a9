// Posts and elements are named by a number and its author: on the wire as an object, here as `NUMBER-AUTHOR`.

/** @typedef {{ number: number, author: string }} Named */

/** The largest number of anything. */
export const MOST = 2 ** 53 - 1;

/** @param {Named} named */
export const idOf = ({ number, author }) => `${number}-${author}`;

/**
 * @param {string} id
 * @returns {Named}
 */
export function named(id) {
  const [number, author] = id.split('-');
  return { number: Number(number), author: author ?? '' };
}

/** @param {unknown} value */
export const isNumber = (value) => Number.isSafeInteger(value) && /** @type {number} */ (value) >= 1;

/** What comes first for everybody: by number, and of the same number by author. @param {Named} a @param {Named} b */
export const inOrder = (a, b) => a.number - b.number || (a.author < b.author ? -1 : a.author > b.author ? 1 : 0);
