import type { CallView } from '../generated/CallView';
import type { Event } from '../generated/Event';
import type { Participant } from '../generated/Participant';
import type { ParticipantStatistics } from '../generated/ParticipantStatistics';
import type { Snapshot } from '../generated/Snapshot';

export interface Scene {
  snapshot: () => Snapshot;
  /** Told shortly after the start. */
  events?: Event[];
  /** Which streams have pictures. */
  streams?: number[];
}

function base(change: Partial<Snapshot> = {}): Snapshot {
  const works = { chosen: true, on: true, working: true, problem: null };
  return {
    number: 0,
    version: '0.1.0',
    settings: {
      name: 'Robin',
      camera: 'default',
      microphone: 'device:usb',
      speaker: 'default',
      microphoneOn: true,
      cameraOn: true,
      server: 'wss://tincan.example.org',
      iceServers: [],
      relayOnly: false,
      echoCancellation: true,
      noiseSuppression: true,
      automaticGain: true,
      theme: 'dark',
      mirrorSelfView: true,
      chimeOnJoin: true,
      notifyOnJoin: true,
      attentionOnJoin: true,
      askBeforeClosing: true,
    },
    devices: {
      cameras: [
        { id: 'default', name: 'System default' },
        { id: 'device:cam', name: 'Integrated Camera' },
        { id: 'test-pattern', name: 'Test pattern' },
        { id: 'none', name: 'No camera' },
      ],
      microphones: [
        { id: 'default', name: 'System default' },
        { id: 'device:usb', name: 'USB Microphone with a rather long name from its maker' },
        { id: 'none', name: 'No microphone' },
      ],
      speakers: [
        { id: 'default', name: 'System default' },
        { id: 'none', name: 'No speaker' },
      ],
    },
    preview: {
      active: true,
      camera: { ...works, device: 'Integrated Camera' },
      microphone: { ...works, device: 'USB Microphone' },
      speaker: { ...works, device: 'Speakers' },
    },
    call: null,
    levels: { microphone: 0.55, participants: { a: 0.6, b: 0.1 } },
    statistics: { participants: { a: statistics } },
    nearby: [],
    recent: [],
    lastCall: null,
    ...change,
  };
}

const statistics: ParticipantStatistics = {
  roundTripMs: 23.4,
  lossSent: 0,
  lossReceived: 1.3,
  jitterMs: 4.2,
  sentKbps: 1480,
  receivedKbps: 1211,
  availableKbps: 2400,
  sentWidth: 1280,
  sentHeight: 720,
  sentFps: 29.9,
  limitedBy: 'none',
  receivedWidth: 1280,
  receivedHeight: 720,
  receivedFps: 30,
  freezes: 1,
  frozenSeconds: 0.4,
  concealed: 0.2,
  audioBufferMs: 41,
  videoBufferMs: 38,
  path: 'host',
};

function participant(
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
    cameraOn: true,
    stream,
    volume: 1,
    safety: { words: ['turtle', 'cactus', 'trumpet', 'light bulb'], digits: '4821 9061' },
    quality: 4,
    ...change,
  };
}

function call(change: Partial<CallView> = {}): CallView {
  return {
    phase: 'connected',
    code: 'kqz4-m8tr-xp',
    inviteLink: 'tincan://join/kqz4m8trxp?server=wss://tincan.example.org',
    test: false,
    reach: 'Anyone with the code can join, from anywhere.',
    serverConnected: true,
    serverProblem: null,
    connectedSince: Date.now() - 754_000,
    participants: [],
    left: null,
    invitation:
      'Let us talk on Tincan.\n\nCode: kqz4-m8tr-xp\nLink: tincan://join/kqz4m8trxp?server=wss://tincan.example.org',
    ...change,
  };
}

const ada = participant('a', 'Ada Lovelace', 1);
const grace = participant('b', 'Grace', 2, { microphoneOn: false, quality: 2 });
const edsger = participant('c', 'Edsger W. Dijkstra', 3, { cameraOn: false, quality: 3 });
const anonymous = participant('d', '', 4, { connection: 'connecting', quality: 0 });
const alan = participant('e', 'Alan', 5);
const lost = {
  serverConnected: false,
  serverProblem: 'The server cannot be reached: nobody new can join. Trying again…',
};
const joined = (change: Partial<CallView>) => () => base({ call: call(change) });
const notice = (kind: 'info' | 'hint' | 'error', code: string, message: string): Event => ({
  type: 'notice',
  notice: { kind, code, message },
});

/** Every screen in the states that it has. */
export const SCENES: Readonly<Record<string, Scene>> = {
  home: {
    snapshot: () =>
      base({
        nearby: [{ host: 'kitchen-laptop' }],
        recent: [
          {
            code: 'kqz4-m8tr-xp',
            server: null,
            names: ['Ada Lovelace', 'Grace', 'Alan'],
            at: Date.now() - 3_900_000,
          },
          {
            code: '7hcn-w2vd-94',
            server: 'wss://tincan.example.org',
            names: ['Edsger'],
            at: Date.now() - 4e8,
          },
        ],
      }),
    streams: [0],
  },
  'home-empty': { snapshot: () => base() },
  'lobby-nothing': {
    snapshot: () => {
      const failed = (problem: string) => ({
        chosen: true,
        on: true,
        working: false,
        device: null,
        problem,
      });
      return base({
        preview: {
          active: true,
          camera: failed(
            'Your camera is used by another program. Close that program, or choose another camera.',
          ),
          microphone: failed('No microphone was found. Plug one in, or choose another.'),
          speaker: { chosen: true, on: true, working: true, device: 'Speakers', problem: null },
        },
        levels: { microphone: 0, participants: {} },
      });
    },
  },
  'lobby-none': {
    snapshot: () => {
      const none = { chosen: false, on: true, working: false, device: null, problem: null };
      const shown = base();
      return base({
        preview: { ...shown.preview, camera: none, microphone: none },
        settings: { ...shown.settings, camera: 'none', microphone: 'none' },
        levels: { microphone: 0, participants: {} },
      });
    },
  },
  joining: { snapshot: joined({ phase: 'joining', connectedSince: null }), streams: [0] },
  alone: { snapshot: joined({ phase: 'alone', connectedSince: null }), streams: [0] },
  'alone-server-lost': {
    snapshot: joined({ phase: 'alone', connectedSince: null, ...lost }),
    streams: [0],
  },
  'alone-local-lost': {
    snapshot: joined({
      phase: 'alone',
      connectedSince: null,
      serverConnected: false,
      serverProblem: 'The computer that this call began on has left. Looking for it, or taking its place…',
      inviteLink: 'tincan://join/kqz4m8trxp',
      reach: 'People on your local network can join.',
    }),
    streams: [0],
  },
  left: {
    snapshot: joined({ phase: 'alone', connectedSince: null, left: 'Ada Lovelace' }),
    streams: [0],
  },
  'test-call': {
    snapshot: joined({ test: true, participants: [{ ...ada, name: 'Tincan test' }] }),
    streams: [0, 1],
  },
  connecting: {
    snapshot: joined({
      phase: 'connecting',
      connectedSince: null,
      participants: [{ ...ada, connection: 'connecting', quality: 0, microphoneOn: false }],
    }),
    streams: [0],
  },
  'one-none': {
    snapshot: () => {
      const none = { chosen: false, on: true, working: false, device: null, problem: null };
      const shown = base();
      return base({
        call: call({
          participants: [
            { ...ada, name: 'Augusta Ada King, Countess of Lovelace, née Byron', microphoneOn: false },
          ],
        }),
        preview: { ...shown.preview, camera: none, microphone: none },
      });
    },
    streams: [1],
  },
  one: { snapshot: joined({ participants: [ada] }), streams: [0, 1] },
  'one-upright': {
    snapshot: joined({ participants: [grace], ...lost }),
    streams: [0, 2],
    events: [notice('hint', 'muted_while_speaking', 'You are muted. Unmute to let the others hear you.')],
  },
  'one-camera-off': { snapshot: joined({ participants: [edsger] }), streams: [0] },
  reconnecting: {
    snapshot: joined({
      phase: 'reconnecting',
      participants: [{ ...ada, connection: 'reconnecting', quality: 1 }],
    }),
    streams: [0, 1],
  },
  three: { snapshot: joined({ participants: [ada, grace] }), streams: [0, 1, 2] },
  six: {
    snapshot: joined({ participants: [ada, grace, edsger, anonymous, alan] }),
    streams: [0, 1, 2, 5],
    events: [
      notice('info', 'participant_joined', 'Alan has joined.'),
      notice(
        'error',
        'device_lost',
        'Your microphone was unplugged. Choose another one in the menu beside it.',
      ),
    ],
  },
  after: {
    snapshot: () => base(),
    events: [
      {
        type: 'last_call',
        summary: {
          code: 'kqz4-m8tr-xp',
          inviteLink: 'tincan://join/kqz4m8trxp',
          test: false,
          seconds: 754,
          quality: 'Good connection throughout: 23 ms round trip, 0.1 % lost.',
          reason: null,
        },
      },
    ],
  },
};
