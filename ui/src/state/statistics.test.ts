import { expect, it } from 'vitest';
import { rows } from './statistics';

it('says of a connection of which nothing is known that nothing is known', () => {
  const zero = {
    ...{ lossSent: 0, lossReceived: 0, jitterMs: 0, sentKbps: 0, receivedKbps: 0, availableKbps: 1_500 },
    ...{ sentWidth: 0, sentHeight: 0, sentFps: 0, receivedWidth: 0, receivedHeight: 0, receivedFps: 0 },
    ...{ freezes: 0, frozenSeconds: 0, concealed: 0, audioBufferMs: 0, videoBufferMs: 0 },
  };
  const table = Object.fromEntries(rows({ ...zero, roundTripMs: null, path: null }));
  expect(table).toMatchObject({ 'Round trip': '–', Sending: '0 kbit/s of 1.5 Mbit/s', Freezes: 'none' });
});
