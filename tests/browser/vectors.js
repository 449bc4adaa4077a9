// Computes the test vectors of docs/protocol.md from what the document says, and ends with 0 if they agree.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { open, seal } from './page/envelope.js';
import { fromBase64, toHex } from './page/bytes.js';
import { deriveKeys, safetyNumber } from './page/keys.js';

const document = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');

/** @param {RegExp} pattern */
function documented(pattern) {
  const found = pattern.exec(document)?.[1];
  assert(found, `the document has no ${pattern}`);
  return found;
}

const longKeys = await deriveKeys('KQZ4 m8tr–xp01 2345.6789');
assert.equal(toHex(longKeys.roomId), documented(/6789`:\n\n```\nroom_id +=\s([0-9a-f]{32})$/m));
const keys = await deriveKeys('KQZ4 m8tr–xp');
assert.equal(toHex(keys.roomId), documented(/^room_id += ([0-9a-f]{32})$/m));
assert.equal(toHex(keys.signalKey), documented(/^signal_key = ([0-9a-f]{64})$/m));

const [from, to] = ['0102030405060708', '1112131415161718'];
const envelope = documented(/^envelope += (\S+)$/m);
const hello = { type: 'hello', name: 'Ada' };
assert.deepEqual(open(keys, from, to, envelope), { sequence: 1, message: hello });
const nonce = fromBase64(envelope).slice(9, 33);
assert.equal(seal(keys, { from, to, sequence: 1 }, hello, nonce), envelope);
assert.throws(() => open(keys, to, from, envelope), 'an envelope opens only in its own direction');

const [words, digits] = documented(/give ([a-z, ]+ \/ \d{4} \d{4})\.$/m).split(' / ');
const computed = await safetyNumber(new Uint8Array(32).fill(0x22), new Uint8Array(32).fill(0x11));
assert.deepEqual([computed.words.join(', '), computed.digits], [words, digits]);
