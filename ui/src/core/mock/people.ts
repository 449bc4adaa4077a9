import type { CallView } from '../generated/CallView';
import type { Participant } from '../generated/Participant';
import type { ParticipantStatistics } from '../generated/ParticipantStatistics';
import type { StreamView } from '../generated/StreamView';

export const statistics: ParticipantStatistics = {
  roundTripMs: 23.4,
  lossSent: 0,
  lossReceived: 1.3,
  jitterMs: 4.2,
  sentKbps: 1480,
  receivedKbps: 1211,
  soundSentKbps: 38,
  soundReceivedKbps: 36,
  availableKbps: 2400,
  sentWidth: 1280,
  sentHeight: 720,
  sentFps: 29.9,
  limitedBy: 'none',
  receivedWidth: 1280,
  receivedHeight: 720,
  receivedFps: 30,
  receivedLimitedBy: 'none',
  freezes: 1,
  frozenSeconds: 0.4,
  concealed: 0.2,
  audioBufferMs: 41,
  videoBufferMs: 38,
  decodingMs: 6,
  path: 'host',
  screen: null,
};

export function camera(stream: number, change: Partial<StreamView> = {}): StreamView {
  return { source: 'camera', stream, on: true, paused: false, ...change };
}

export function screen(stream: number): StreamView {
  return { source: 'screen', stream, on: true, paused: false };
}

export function participant(
  id: string,
  name: string,
  stream: number,
  change: Partial<Participant> = {},
): Participant {
  return {
    id,
    name,
    connection: 'connected',
    microphoneOn: true,
    sharesSound: false,
    streams: [camera(stream)],
    volume: 1,
    trust: 'unverified',
    late: false,
    hand: null,
    records: false,
    quality: 4,
    ...change,
  };
}

export function call(change: Partial<CallView> = {}): CallView {
  return {
    phase: 'connected',
    code: 'kqz4-m8tr-xp',
    inviteLink: 'tincan://join/kqz4m8trxp?server=wss://tincan.example.org',
    test: false,
    reach: { code: 'reach_anyone', message: 'Anyone with the code can join.' },
    serverConnected: true,
    serverProblem: null,
    connectedSince: Date.now() - 754_000,
    participants: [],
    left: null,
    invitation: {
      code: 'invitation',
      message:
        'Let us talk on Tincan.\n\nCode: kqz4-m8tr-xp\nLink: tincan://join/kqz4m8trxp?server=wss://tincan.example.org',
      parameters: {
        code: 'kqz4-m8tr-xp',
        link: 'tincan://join/kqz4m8trxp?server=wss://tincan.example.org',
        page: 'none',
      },
    },
    capacity: 8,
    locked: false,
    knocks: [],
    hand: null,
    recording: null,
    safety: { words: ['turtle', 'cactus', 'trumpet', 'light bulb'], digits: '4821 9061' },
    ...change,
  };
}

export const ada = participant('a', 'Ada Lovelace', 1);
export const grace = participant('b', 'Grace', 2, { microphoneOn: false, quality: 2 });
export const edsger = participant('c', 'Edsger W. Dijkstra', 3, {
  streams: [camera(3, { on: false })],
  quality: 3,
});
export const anonymous = participant('d', '', 4, {
  connection: 'connecting',
  trust: 'unconfirmed',
  quality: 0,
});
export const alan = participant('e', 'Alan', 5);

/** Eleven people who are all different: some muted, some without a picture, two of the same name. */
export const crowd: readonly Participant[] = [
  ada,
  { ...grace, quality: 4 },
  edsger,
  alan,
  participant('f', 'Barbara', 6, { quality: 3 }),
  participant('g', 'Ada Lovelace', 7),
  participant('h', 'Katherine Johnson', 8, { microphoneOn: false }),
  participant('i', 'Radia', 9),
  participant('j', '', 10, { streams: [camera(10, { on: false })], microphoneOn: false }),
  participant('k', 'Hedy', 11, { quality: 2 }),
  participant('l', 'Donald', 12, { microphoneOn: false }),
];
