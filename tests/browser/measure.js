// How two Chromium do in a call with each other, as one line of JSON: what a call of Tincan is compared with.
//
//   node measure.js CAMERA.y4m MICROPHONE.wav [--seconds 20] [--width 1280] [--height 720] [--codec H264] [--kbps 1500]
//     [--namespaces A,B]
//
// The clip carries Tincan's stamp and is longer than twice any delay. Signalling takes no time: this program hands over
// what they say. Delays are read from the pictures after everything else was measured, since the reading takes processor
// time. It warms up for eight seconds, in which the rate climbs.

import { parseArgs } from 'node:util';
import { serve } from './server.js';
import { Side, call } from './side.js';

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
    /** Networks in which the two run. */
    namespaces: { type: 'string', default: '' },
  },
});
const [camera, microphone] = positionals;
if (!camera || !microphone) {
  throw new Error('a clip for the camera and a recording for the microphone are needed');
}
const seconds = Number(values.seconds);
const picture = { width: Number(values.width), height: Number(values.height) };
const options = { ...picture, codec: values.codec, kbps: Number(values.kbps) };

/** @param {number} seconds */
const pause = (seconds) => new Promise((over) => setTimeout(over, seconds * 1000));

/** @typedef {Awaited<ReturnType<Side['sample']>>} Sample */

/**
 * @param {Sample} before
 * @param {Sample} after
 */
function describe(before, after) {
  /** @param {string} stream @param {string} name */
  const rise = (stream, name) =>
    (after.statistics[stream]?.[name] ?? 0) - (before.statistics[stream]?.[name] ?? 0);
  const elapsed = (after.at - before.at) / 1000;
  const [video, audio] = ['inbound-rtp video', 'inbound-rtp audio'];
  const concealed = rise(audio, 'concealedSamples') - rise(audio, 'silentConcealedSamples');
  return {
    fps: round(rise(video, 'framesDecoded') / elapsed),
    height: after.statistics[video]?.frameHeight,
    kbps: round((rise(video, 'bytesReceived') * 8) / 1000 / elapsed),
    freezes: rise(video, 'freezeCount'),
    frozenSeconds: round(rise(video, 'totalFreezesDuration')),
    concealedPercent: round((100 * concealed) / rise(audio, 'totalSamplesReceived')),
    cpuCores: round((after.usage.seconds - before.usage.seconds) / elapsed),
    memoryMb: round(after.usage.megabytes),
  };
}

/**
 * Milliseconds from the camera of one side to the screen of the other.
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

/** @param {number} value */
function round(value) {
  return Math.round(value * 100) / 100;
}

const server = await serve('measure.html');
/** @type {Side[]} */
const sides = [];
try {
  const namespaces = values.namespaces.split(',');
  const place = (/** @type {number} */ n) => ({ files: { camera, microphone }, namespace: namespaces[n] });
  const began = await call((n) => Side.open(place(n), server.url, options), sides);
  const [a, b] = /** @type {[Side, Side]} */ (sides);
  await Promise.all(sides.map(({ page }) => page.waitForFunction('side.firstPicture() > 0')));
  const firsts = await Promise.all(sides.map((side) => side.call('firstPicture')));
  await pause(WARM_UP);
  const before = await Promise.all(sides.map((side) => side.sample()));
  await pause(seconds);
  const after = await Promise.all(sides.map((side) => side.sample()));
  const stamps = (/** @type {Side} */ side, /** @type {string} */ what) =>
    side.call('stamps', { seconds: DELAY_SECONDS, side: what });
  const [filmed, shown] = await Promise.all([stamps(a, 'camera'), stamps(b, 'screen')]);
  const version = a.browser.version();
  const described = sides.map((_, n) => ({
    firstPictureMs: round(firsts[n] - began),
    .../** @type {any} */ (describe(/** @type {Sample} */ (before[n]), /** @type {Sample} */ (after[n]))),
  }));
  const result = { version, ...options, seconds, ...delays(filmed, shown), sides: described };
  console.log(JSON.stringify(result));
} finally {
  await Promise.all(sides.map(({ browser }) => browser.close()));
  server.close();
}
