// How Chromium share a screen with each other: what a shared screen of Tincan is compared with.
//
//   node screen.js --display :7 [--kbps 1500]
//
// Prints a line of JSON once the picture is there, and one for each line that it reads: `watch SECONDS` (the stamps that were
// seen in that time, and what both took), `picture FILE.png` (what is seen now).

import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { usage } from './processes.js';
import { serve } from './server.js';
import { Side, meet } from './side.js';

const { values } = parseArgs({
  options: { display: { type: 'string' }, kbps: { type: 'string', default: '1500' } },
});
const options = { width: 1920, height: 1080, codec: 'H264', kbps: Number(values.kbps), people: 2 };

/** @param {unknown} value */
const tell = (value) => console.log(JSON.stringify(value));

const server = await serve('measure.html');
/** @type {Side[]} */
const room = [];
try {
  // Whoever comes last offers.
  await Side.enter(room, {}, server.url, { ...options, screen: 'looks' });
  await Side.enter(room, { display: values.display }, server.url, { ...options, screen: 'shows' });
  const [looks, shows] = /** @type {[Side, Side]} */ (/** @type {unknown} */ (room));
  await meet(room);
  await looks.page.waitForFunction('side.firstPictures(1) > 0', null, { timeout: 60_000 });
  tell({ ready: looks.browser.version() });
  for await (const line of createInterface({ input: process.stdin })) {
    const [word, value = ''] = line.split(/ (.*)/);
    if (word === 'watch') {
      const cpu = () => [shows, looks].map(({ browser }) => usage(browser.pid).seconds);
      const [before, began] = [cpu(), performance.now()];
      const [received] = await looks.call('statistics');
      const seen = await looks.call('stamps', { seconds: Number(value), of: 1 });
      const [now] = await looks.call('statistics');
      const seconds = (performance.now() - began) / 1000;
      const cores = cpu().map((after, n) => (after - (before[n] ?? 0)) / seconds);
      const bytes = (/** @type {any} */ of) => of['inbound-rtp video']?.bytesReceived ?? 0;
      tell({ seen, cores, kbps: ((bytes(now) - bytes(received)) * 8) / 1000 / seconds });
    } else if (word === 'picture') {
      const [, data = ''] = (await looks.call('picture', 1)).split(',');
      writeFileSync(value, Buffer.from(data, 'base64'));
      tell({ saved: value });
    } else {
      break;
    }
  }
} finally {
  await Promise.all(room.map(({ browser }) => browser.close()));
  server.close();
}
