// Something on the way that loses packets, which driver.js puts there.

const { relay } = /** @type {any} */ (window);

/**
 * Sends what goes to a candidate of theirs over it.
 * @param {string} candidate
 * @param {number} lossEvery
 */
export async function relayed(candidate, lossEvery) {
  const words = candidate.split(' ');
  const [address, port] = [words[4], words[5]];
  if (words[2]?.toLowerCase() !== 'udp' || !address || !port) {
    return candidate;
  }
  words[5] = String(await relay({ address, port: Number(port), lossEvery }));
  return words.join(' ');
}
