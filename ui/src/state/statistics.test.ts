import { expect, it } from 'vitest';
import type { ParticipantStatistics } from '../core/core';
import { rows } from './statistics';

const zero: ParticipantStatistics = {
  ...{ lossSent: 0, lossReceived: 0, jitterMs: 0, sentKbps: 0, receivedKbps: 0, availableKbps: 1_500 },
  ...{ sentWidth: 0, sentHeight: 0, sentFps: 0, receivedWidth: 0, receivedHeight: 0, receivedFps: 0 },
  ...{ freezes: 0, frozenSeconds: 0, concealed: 0, audioBufferMs: 0, videoBufferMs: 0, decodingMs: 0 },
  ...{ soundSentKbps: 0, soundReceivedKbps: 0 },
  ...{ roundTripMs: null, path: null, screen: null, limitedBy: 'none', receivedLimitedBy: 'none' },
};

it('says of a connection of which nothing is known that nothing is known', () => {
  const table = Object.fromEntries(rows(zero));
  expect(table).toMatchObject({ 'Round trip': '–', Sending: '0 kbit/s of 1.5 Mbit/s', Freezes: 'none' });
});

it('says why the picture that is sent is no larger', () => {
  const sent = (limitedBy: 'none' | 'bandwidth' | 'processor') =>
    Object.fromEntries(rows({ ...zero, sentWidth: 640, sentHeight: 360, sentFps: 30, limitedBy }))[
      'Picture sent'
    ];
  expect(sent('none')).toBe('640 × 360, 30 fps');
  expect(sent('bandwidth')).toBe('640 × 360, 30 fps (all that the network takes)');
  expect(sent('processor')).toBe('640 × 360, 30 fps (all that this computer manages in time)');
});

it('says when this computer shows no more', () => {
  const received = { ...zero, receivedWidth: 320, receivedHeight: 180, receivedFps: 30 };
  const table = Object.fromEntries(rows({ ...received, receivedLimitedBy: 'processor' }));
  expect(table['Picture received']).toBe('320 × 180, 30 fps (all that this computer manages in time)');
});
