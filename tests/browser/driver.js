// A browser for the tests in tests/tests/browser.rs: commands come as lines of JSON, and so goes what happens.
//
//   node driver.js CAMERA.y4m MICROPHONE.wav
//
// `{"command": "join", …}` and so on call the functions of page/main.js; `{"command": "reload"}` loads the page anew,
// and `{"command": "cut"}` loses everything that is on the way.
// The browser is closed at the end of the input.

import { createInterface } from 'node:readline';
import { launch } from './chromium.js';
import { relay } from './relay.js';
import { serve } from './server.js';

const [camera, microphone] = process.argv.slice(2);
if (!camera || !microphone) {
  throw new Error('a clip for the camera and a recording for the microphone are needed');
}

/** @param {unknown} line */
const print = (line) => console.log(JSON.stringify(line));

/** @type {{ close: () => void }[]} */
let relays = [];
const cut = () => {
  relays.forEach((relay) => relay.close());
  relays = [];
};
const server = await serve('index.html');
const browser = await launch({ camera, microphone });
try {
  const page = await browser.newPage();
  page.on('pageerror', (error) => print({ error: String(error) }));
  page.on('console', (message) => message.type() === 'error' && print({ error: message.text() }));
  await page.exposeFunction('report', print);
  await page.exposeFunction('relay', async (/** @type {Parameters<typeof relay>[0]} */ options) => {
    const made = await relay(options);
    relays.push(made);
    return made.port;
  });
  await page.goto(server.url, { waitUntil: 'load' });
  print({ ready: true });
  for await (const line of createInterface({ input: process.stdin })) {
    const { command, ...options } = JSON.parse(line);
    if (command === 'reload') {
      await page.reload({ waitUntil: 'load' });
    } else if (command === 'cut') {
      cut();
    } else {
      await page.evaluate(
        ([command, options]) => /** @type {any} */ (window).tincan[command](options),
        /** @type {const} */ ([command, options]),
      );
    }
    print({ done: command });
  }
} finally {
  await browser.close();
  cut();
  server.close();
}
