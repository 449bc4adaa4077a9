// Computes the test vectors of docs/protocol.md from what the document says, and ends with 0 if they agree.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { open, seal } from './page/envelope.js';
import { fromBase64, fromHex, toHex } from './page/bytes.js';
import { contains, digest, merged } from './page/deeds.js';
import { Identity, confirmation, isConfirmed, pairKeys } from './page/identity.js';
import { deriveKeys, safetyNumber } from './page/keys.js';
import { pack, unpack } from './page/points.js';

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

/** @param {number} byte */
const bytes = (byte) => new Uint8Array(32).fill(byte);
const [ada, ben] = [await Identity.create(bytes(1)), await Identity.create(bytes(2))];
assert.equal(ada.id, documented(/^id of 0x01… = ([0-9a-f]{64})$/m));
assert.equal(ben.id, documented(/^id of 0x02… = ([0-9a-f]{64})$/m));
const adas = await pairKeys(keys, ada, ben.id);
const bens = await pairKeys(keys, ben, ada.id);
const [low, high] = ada.id < ben.id ? [adas, bens] : [bens, adas];
const wanted = [/^low_high +=\s([0-9a-f]{64})$/m, /^high_low +=\s([0-9a-f]{64})$/m, /^confirm +=\s([0-9a-f]{64})$/m];
assert.deepEqual([low.outgoing, low.incoming, low.confirm].map(toHex), wanted.map(documented));
assert.deepEqual([high.incoming, high.outgoing, high.confirm].map(toHex), wanted.map(documented));
await assert.rejects(ada.exchange(bytes(0)), 'a key with which nothing is agreed on');

const server = await Identity.create(bytes(3));
assert.equal(server.id, documented(/^S +=\s([0-9a-f]{64})$/m));
assert.equal(await ada.prove(keys.roomId, server.id), documented(/^proof +=\s([0-9a-f]{64})$/m));

const envelope = documented(/^envelope +=\s(\S{100,})$/m);
const hello = { type: 'hello', name: 'Ada', features: [] };
assert.deepEqual(open(bens, envelope), { sequence: 1, message: hello });
const nonce = fromBase64(envelope).slice(9, 33);
assert.equal(seal(adas, 1, hello, nonce), envelope);
assert.throws(() => open(adas, envelope), 'an envelope opens only in its own direction');

const mac = documented(/^mac +=\s([0-9a-f]{64})$/m);
assert.equal(await confirmation(adas, bytes(0x11), bytes(0x22)), mac);
assert(await isConfirmed(bens, bytes(0x22), bytes(0x11), mac));
assert(!(await isConfirmed(bens, bytes(0x22), bytes(0x33), mac)), 'somebody else shook hands');

const [words, digits] = documented(/give ([a-z, ]+ \/ \d{4} \d{4})\.$/m).split(' / ');
const computed = await safetyNumber([0x33, 0x11, 0x22].map((byte) => toHex(bytes(byte))));
assert.deepEqual([computed.words.join(', '), computed.digits], [words, digits]);
assert.deepEqual(fromHex(toHex(bytes(0x11))), bytes(0x11));

assert.equal(digest([7, 1, 2]), documented(/of 1, 2 and 7\s+`([0-9a-f]{16})`/));
assert.equal(digest([]), '0'.repeat(16));
/** @type {import('./page/points.js').Point[]} */
const points = [[0, 40, 128], [12, 37, 130], [300, 0, 0]];
const packed = documented(/\(0, 40\) with 128, \(12, 37\) with 130,\s+\(300, 0\) with 0 is `([^`]+)`/);
assert.equal(pack(points), packed);
assert.deepEqual(unpack(packed), points);
/** @type {import('./page/points.js').Point[]} */
const far = [[10_000_000, -10_000_000, 255], [-10_000_000, 10_000_000, 0]];
assert.deepEqual(unpack(pack(far)), far);
assert.throws(() => unpack(packed.slice(0, -2)), 'not whole');
const one = new Map([['a', merged([[4, 6], [1, 3], [9, 9]])]]);
assert.deepEqual(one.get('a'), [[1, 6], [9, 9]]);
assert(contains(one, new Map([['a', merged([[2, 5]])]])) && !contains(one, new Map([['a', merged([[5, 9]])]])));
