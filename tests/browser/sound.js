// A call between two Chromium with the microphones and speakers of two PulseAudio, until its standard input ends:
//
//   node sound.js PULSE_A PULSE_B
//
// Says `{"connected":true}` when they hear each other. Whoever started it measures what goes in and comes out.

import { serve } from './server.js';
import { Side, meet } from './side.js';

const pulses = process.argv.slice(2);
if (pulses.length !== 2) {
  throw new Error('two addresses of PulseAudio are needed');
}
const server = await serve('measure.html');
/** @type {Side[]} */
const room = [];
try {
  for (const pulse of pulses) {
    await Side.enter(room, { pulse }, server.url, { soundOnly: true, people: pulses.length });
  }
  await meet(room);
  await Promise.all(room.map(({ page }) => page.waitForFunction('side.connected()')));
  console.log(JSON.stringify({ connected: true }));
  await new Promise((ended) => process.stdin.resume().on('end', ended));
} finally {
  await Promise.all(room.map(({ browser }) => browser.close()));
  server.close();
}
