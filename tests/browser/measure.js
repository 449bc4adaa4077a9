// How two Chromium do in a call with each other, as one line of JSON: what a call of Tincan is compared with.
//
//   node measure.js CAMERA.y4m MICROPHONE.wav [--seconds 20] [--width 1280] [--height 720] [--codec H264] [--kbps 1500]
//     [--namespaces A,B]
//
// The clip carries Tincan's stamp and is longer than twice any delay. Signalling takes no time: this program hands over what they say. Delays are read from
// the pictures after everything else was measured, since the reading takes processor time. It warms up for eight seconds,
// in which the rate climbs.

import { parseArgs } from 'node:util';
import { launchServer } from './chromium.js';
import { usage } from './processes.js';
import { serve } from './server.js';

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

class Side {
  /** Which of the two; the other one hears what it says. */
  /** @type {Side | undefined} */
  other;

  /**
   * @param {Awaited<ReturnType<typeof launchServer>>} browser
   * @param {import('playwright-core').Page} page
   */
  constructor(browser, page) {
    this.browser = browser;
    this.page = page;
  }

  /** @param {{ camera: string, microphone: string }} files @param {string} url @param {string} [namespace] */
  static async open(files, url, namespace) {
    const browser = await launchServer(files, namespace);
    const page = await browser.newPage();
    if (namespace) {
      // Our server is not on that network: what it serves is handed over by this program.
      await page.route('**', async (route) => {
        const answer = await fetch(route.request().url());
        const headers = { 'content-type': answer.headers.get('content-type') ?? '' };
        await route.fulfill({ status: answer.status, headers, body: Buffer.from(await answer.arrayBuffer()) });
      });
    }
    const side = new Side(browser, page);
    // One after the other: a candidate must not overtake its description.
    let order = Promise.resolve();
    await page.exposeFunction('say', (/** @type {object} */ words) => {
      order = order.then(() => side.other?.call('hear', words));
    });
    await page.goto(url, { waitUntil: 'load' });
    await side.call('open', options);
    return side;
  }

  /**
   * @param {string} name
   * @param {object} [argument]
   * @returns {Promise<any>}
   */
  call(name, argument) {
    return this.page.evaluate(
      ([name, argument]) => /** @type {any} */ (window).side[name](argument),
      /** @type {const} */ ([name, argument]),
    );
  }

  async sample() {
    return { at: performance.now(), usage: usage(this.browser.pid), statistics: await this.call('statistics') };
  }
}

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
  for (const n of [0, 1]) {
    const namespace = values.namespaces.split(',')[n];
    sides.push(await Side.open({ camera, microphone }, server.url, namespace));
  }
  const [a, b] = /** @type {[Side, Side]} */ (sides);
  [a.other, b.other] = [b, a];
  const began = await a.call('offer');
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
