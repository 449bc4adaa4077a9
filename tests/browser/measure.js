// How Chromium do in a call with each other, as one line of JSON: what a call of Tincan is compared with.
//
//   node measure.js CAMERA.y4m MICROPHONE.wav [--seconds 20] [--width 1280] [--height 720] [--codec H264] [--kbps 1500]
//     [--people 2] [--namespaces A,B]
//
// The clip carries Tincan's stamp and is longer than twice any delay. Signalling takes no time: this program hands over
// what they say. Delays are read from the pictures after everything else was measured, since the reading takes processor
// time. It warms up for eight seconds, in which the rate climbs.

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { serve } from './server.js';
import { Side, meet } from './side.js';

const WARM_UP = 8;
/** Three hundred pictures: enough for a 95th percentile. */
const DELAY_SECONDS = 10;
const FRAME_RATE = 30;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '20' },
    width: { type: 'string', default: '1280' },
    height: { type: 'string', default: '720' },
    codec: { type: 'string', default: 'H264' },
    kbps: { type: 'string', default: '1500' },
    people: { type: 'string', default: '2' },
    /** Networks in which they run. */
    namespaces: { type: 'string', default: '' },
    /** Where what the last one hears goes while it is measured: a WAV. */
    heard: { type: 'string', default: '' },
  },
});
const [camera, microphone] = positionals;
if (!camera || !microphone) {
  throw new Error('a clip for the camera and a recording for the microphone are needed');
}
const seconds = Number(values.seconds);
const picture = { width: Number(values.width), height: Number(values.height) };
const people = Number(values.people);
const options = { ...picture, codec: values.codec, kbps: Number(values.kbps), people };

/** @param {number} seconds */
const pause = (seconds) => new Promise((over) => setTimeout(over, seconds * 1000));

/** @typedef {Awaited<ReturnType<Side['sample']>>} Sample */

/**
 * What a side took, and what it got: the mean of those who sent it.
 * @param {Sample} before
 * @param {Sample} after
 */
function describe(before, after) {
  const elapsed = (after.at - before.at) / 1000;
  const [video, audio] = ['inbound-rtp video', 'inbound-rtp audio'];
  /** @param {(rise: (stream: string, name: string) => number, n: number) => number} value */
  const mean = (value) => {
    const values = after.links.map((/** @type {Record<string, any>} */ link, /** @type {number} */ n) =>
      value((stream, name) => (link[stream]?.[name] ?? 0) - (before.links[n]?.[stream]?.[name] ?? 0), n),
    );
    return round(values.reduce((/** @type {number} */ sum, /** @type {number} */ one) => sum + one, 0) / values.length);
  };
  return {
    fps: mean((rise) => rise(video, 'framesDecoded') / elapsed),
    height: mean((_, n) => after.links[n][video]?.frameHeight ?? 0),
    kbps: mean((rise) => (rise(video, 'bytesReceived') * 8) / 1000 / elapsed),
    freezes: mean((rise) => rise(video, 'freezeCount')),
    frozenSeconds: mean((rise) => rise(video, 'totalFreezesDuration')),
    // With the silence that fills an outage, as ours counts it too. (Nothing is silent on purpose: Chromium's Opus makes no pauses.)
    concealedPercent: mean(
      (rise) => (100 * rise(audio, 'concealedSamples')) / Math.max(1, rise(audio, 'totalSamplesReceived')),
    ),
    cpuCores: round((after.usage.seconds - before.usage.seconds) / elapsed),
    memoryMb: round(after.usage.megabytes),
  };
}

/**
 * Milliseconds from the camera of the first one to the screen of the last one.
 * @param {[number, number][]} filmed
 * @param {[number, number][]} shown
 */
function delays(filmed, shown) {
  // The clip begins again, and a busy machine may miss a picture on the filming side: its last time is then not this one.
  const longest = (Math.max(...filmed.map(([counter]) => counter)) * 1000) / FRAME_RATE / 2;
  const found = shown.flatMap(([counter, at]) => {
    const isIt = ([other, time] = [0, 0]) => other === counter && time <= at && at - time < longest;
    const time = filmed.findLast(isIt)?.[1];
    return time === undefined ? [] : [at - time];
  });
  found.sort((a, b) => a - b);
  const percentile = (/** @type {number} */ share) => round(found[Math.floor(found.length * share)] ?? NaN);
  return { delayP50Ms: percentile(0.5), delayP95Ms: percentile(0.95), delaysRead: found.length };
}

/**
 * A file of one channel with 16 bits a sample.
 * @param {number} rate
 * @param {Buffer} samples
 */
function wav(rate, samples) {
  const head = Buffer.alloc(44);
  head.write('RIFF');
  head.writeUInt32LE(36 + samples.length, 4);
  head.write('WAVEfmt ', 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(rate, 24);
  head.writeUInt32LE(rate * 2, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write('data', 36);
  head.writeUInt32LE(samples.length, 40);
  return Buffer.concat([head, samples]);
}

/** @param {number} value */
function round(value) {
  return Math.round(value * 100) / 100;
}

const server = await serve('measure.html');
/** @type {Side[]} */
const room = [];
try {
  const namespaces = values.namespaces.split(',');
  const files = { camera, microphone };
  for (let n = 0; n < options.people; n += 1) {
    await Side.enter(room, { files, namespace: namespaces[n] }, server.url, options);
  }
  const [first, newcomer] = /** @type {[Side, Side]} */ ([room[0], room.at(-1)]);
  const began = await meet(room);
  const others = options.people - 1;
  const seen = (/** @type {Side} */ { page }) =>
    page.waitForFunction((others) => /** @type {any} */ (window).side.firstPictures(others) > 0, others);
  await Promise.all(room.map(seen));
  const firsts = await Promise.all(room.map((side) => side.call('firstPictures', others)));
  await pause(WARM_UP);
  if (values.heard) {
    await newcomer.call('listen', 0);
  }
  console.log(JSON.stringify({ measuring: true }));
  const before = await Promise.all(room.map((side) => side.sample()));
  await pause(seconds);
  const after = await Promise.all(room.map((side) => side.sample()));
  if (values.heard) {
    const { rate, samples } = await newcomer.call('heard');
    writeFileSync(values.heard, wav(rate, Buffer.from(samples, 'base64')));
  }
  const [filmed, shown] = await Promise.all([
    first.call('stamps', { seconds: DELAY_SECONDS }),
    newcomer.call('stamps', { seconds: DELAY_SECONDS, of: 0 }),
  ]);
  const sides = room.map((_, n) => describe(/** @type {Sample} */ (before[n]), /** @type {Sample} */ (after[n])));
  // Whoever was there saw the others before: the last picture to come is the newcomer's, here or there.
  const firstPicturesMs = round(Math.max(...firsts) - began);
  const result = { version: first.browser.version(), ...options, seconds, firstPicturesMs };
  console.log(JSON.stringify({ ...result, ...delays(filmed, shown), sides }));
} finally {
  await Promise.all(room.map(({ browser }) => browser.close()));
  server.close();
}
