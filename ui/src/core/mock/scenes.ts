import type { CallView } from '../generated/CallView';
import type { Event } from '../generated/Event';
import type { FilesView } from '../generated/FilesView';
import type { Participant } from '../generated/Participant';
import type { Snapshot } from '../generated/Snapshot';
import { emptyBoard, fullBoard, someBoard, someLive } from './board';
import { emptyChat, someChat } from './chat';
import { ownFiles, someFiles, troubledFiles } from './files';
import { arena, game, noGames } from './game';
import { counted, sheet, sketch } from './sketch';
import { ada, alan, anonymous, call, camera, crowd, edsger, grace, screen, statistics } from './people';

export interface Scene {
  snapshot: () => Snapshot;
  /** Told shortly after the start. */
  events?: Event[];
  /** Which streams have pictures. */
  streams?: number[];
  /** Whether the people in it speak, one after the other. */
  lively?: boolean;
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
      language: 'system',
      mirrorSelfView: true,
      chimeOnJoin: true,
      notifyOnJoin: true,
      attentionOnJoin: true,
      notifyOnChat: true,
      shareSound: false,
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
      share: null,
    },
    call: null,
    chat: null,
    board: null,
    files: { offers: [] },
    games: noGames(),
    arena: null,
    sheet: null,
    levels: { microphone: 0.55, participants: { a: 0.6, b: 0.1 } },
    statistics: { participants: { a: statistics }, encodingMs: 7, busy: false },
    nearby: [],
    recent: [],
    lastCall: null,
    ...change,
  };
}

const lost = {
  serverConnected: false,
  serverProblem: {
    code: 'server_lost',
    message: 'The server cannot be reached: nobody new can join. Trying again…',
  },
};
const joined = (change: Partial<CallView>) => () =>
  base({ call: call(change), chat: emptyChat(), board: emptyBoard() });
const notice = (kind: 'info' | 'hint' | 'error', code: string, message: string): Event => ({
  type: 'notice',
  notice: { kind, code, message },
});

const numbers = (count: number) => Array.from({ length: count + 1 }, (_, index) => index);

/** A call of so many people, us included. */
function room(count: number, change: Partial<CallView> = {}): Scene {
  const participants = crowd.slice(0, count - 1);
  return {
    snapshot: joined({ participants, capacity: count > 8 ? 16 : 8, ...change }),
    streams: numbers(count),
    lively: true,
  };
}

const but = (...changes: [number, Partial<Participant>][]): Participant[] =>
  crowd.slice(0, 4).map((one, index) => ({ ...one, ...changes.find(([at]) => at === index)?.[1] }));

/** A call in which something was written, with these files in it. */
function withFiles(files: () => FilesView): Scene {
  return {
    snapshot: () =>
      base({
        call: call({ participants: crowd.slice(0, 3), capacity: 8 }),
        chat: someChat(),
        files: files(),
      }),
    streams: numbers(4),
  };
}
/** In a call of five. */
const played = { call: call({ participants: crowd.slice(0, 4), capacity: 8 }), chat: emptyChat() };

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
  'home-files': { snapshot: () => base({ files: troubledFiles() }) },
  'home-empty': { snapshot: () => base() },
  'lobby-nothing': {
    snapshot: () => {
      const failed = (message: string) => ({
        chosen: true,
        on: true,
        working: false,
        device: null,
        problem: { code: 'device_in_use', message },
      });
      return base({
        preview: {
          active: true,
          camera: failed(
            'Your camera is used by another program. Close that program, or choose another camera.',
          ),
          microphone: failed('No microphone was found. Plug one in, or choose another.'),
          speaker: { chosen: true, on: true, working: true, device: 'Speakers', problem: null },
          share: null,
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
  knocking: {
    snapshot: joined({ phase: 'knocking', connectedSince: null, safety: null, locked: true }),
    streams: [0],
  },
  alone: { snapshot: joined({ phase: 'alone', connectedSince: null, safety: null }), streams: [0] },
  'alone-server-lost': {
    snapshot: joined({ phase: 'alone', connectedSince: null, ...lost }),
    streams: [0],
  },
  'alone-local-lost': {
    snapshot: joined({
      phase: 'alone',
      connectedSince: null,
      serverConnected: false,
      serverProblem: {
        code: 'keeper_lost',
        message: 'The computer that this call began on has left. Looking for it, or taking its place…',
      },
      inviteLink: 'tincan://join/kqz4m8trxp',
      reach: { code: 'reach_local', message: 'People on your local network can join.' },
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
  two: { ...room(2), lively: false },
  three: room(3),
  five: room(5),
  eight: room(8),
  twelve: room(12),
  board: {
    snapshot: () =>
      base({ call: call({ participants: crowd.slice(0, 3) }), chat: emptyChat(), board: someBoard() }),
    events: [
      { type: 'board', change: { type: 'drawing', people: ['a', 'b'] } },
      { type: 'board_live', live: someLive },
    ],
    streams: numbers(4),
  },
  'board-lost': {
    snapshot: () => {
      const board = someBoard();
      board.own = { canUndo: true, canRedo: true, deletedByOthers: 3, full: true };
      return base({ call: call({ participants: crowd.slice(0, 2) }), chat: emptyChat(), board });
    },
    events: [
      { type: 'board', change: { type: 'drawing', people: ['a'] } },
      {
        type: 'board_live',
        live: [{ peer: 'a', page: '50-a', pointer: null, stroke: null, editing: null }],
      },
    ],
    streams: numbers(3),
  },
  // A board of a long meeting, to be measured.
  'board-2000': {
    snapshot: () =>
      base({
        call: call({ participants: crowd.slice(0, 2) }),
        chat: emptyChat(),
        board: fullBoard(2_000, 60),
      }),
  },
  chat: {
    snapshot: () => base({ call: call({ participants: crowd.slice(0, 3), capacity: 8 }), chat: someChat() }),
    streams: numbers(4),
  },
  files: withFiles(someFiles),
  'files-own': withFiles(ownFiles),
  'files-trouble': withFiles(troubledFiles),
  knocks: room(4, {
    locked: true,
    knocks: [
      { id: 'x', name: 'Donald' },
      { id: 'y', name: '' },
      { id: 'z', name: 'Somebody with a rather long name, as there are' },
    ],
  }),
  recording: room(5, {
    recording: Date.now() - 754_000,
    participants: but([1, { records: true }]),
  }),
  hands: room(5, {
    hand: Date.now() - 2_000,
    participants: but([1, { hand: Date.now() - 9_000 }], [2, { hand: Date.now() - 30_000 }]),
  }),
  trust: room(5, {
    participants: but(
      [0, { trust: 'verified' }],
      [1, { trust: 'changed', name: 'Ada Lovelace' }],
      [2, { trust: 'unconfirmed', connection: 'connecting', quality: 0 }],
      [3, { late: true }],
    ),
  }),
  game: {
    snapshot: () => base({ ...played, games: noGames({ game: game() }), arena: arena(170) }),
    streams: numbers(5),
  },
  'game-countdown': {
    snapshot: () => {
      const players = game().players.map((one) => ({ ...one, gained: 0, out: null }));
      return base({ ...played, games: noGames({ game: game({ players }) }), arena: arena(0, 70) });
    },
    streams: numbers(5),
  },
  'game-over': {
    snapshot: () => {
      const players = game().players.map((one) => (one.peer === 'c' ? { ...one, score: 16 } : one));
      return base({
        ...played,
        games: noGames({ game: game({ phase: 'over', players, host: 'me' }) }),
        arena: arena(170),
      });
    },
    streams: numbers(5),
  },
  'game-offer': {
    snapshot: () => {
      const offers = [{ id: '1', kind: 'curves' as const, host: 'a', players: ['a', 'b'], playing: false }];
      return base({ ...played, games: noGames({ offers }) });
    },
    streams: numbers(5),
  },
  sketch: {
    snapshot: () => base({ ...played, games: noGames({ sketch: sketch() }), sheet: sheet() }),
    streams: numbers(5),
  },
  'sketch-draw': {
    snapshot: () => {
      const ours = sketch({ drawer: 'me', word: 'house', guessing: false });
      return base({ ...played, games: noGames({ sketch: ours }), sheet: { ...sheet(), live: null } });
    },
    streams: numbers(5),
  },
  'sketch-choose': {
    snapshot: () => {
      const choices = ['hot air balloon', 'cat', 'lighthouse'];
      const begins = { phase: 'choosing', drawer: 'me', guessing: false, hint: '' } as const;
      const empty = { strokes: [], live: null };
      return base({
        ...played,
        games: noGames({ sketch: sketch({ ...begins, choices, said: [], beganAt: null }) }),
        sheet: empty,
      });
    },
    streams: numbers(5),
  },
  'sketch-pause': {
    snapshot: () =>
      base({ ...played, games: noGames({ sketch: counted() }), sheet: { ...sheet(), live: null } }),
    streams: numbers(5),
  },
  'sketch-over': {
    snapshot: () => {
      const over = counted({ phase: 'over', host: 'me', round: 3 });
      return base({ ...played, games: noGames({ sketch: over }), sheet: { ...sheet(), live: null } });
    },
    streams: numbers(5),
  },
  'sketch-offer': {
    snapshot: () => {
      const kind = 'draw_and_guess' as const;
      const offers = [{ id: '9', kind, host: 'a', players: ['a', 'b'], playing: false }];
      return base({ ...played, games: noGames({ offers }) });
    },
    streams: numbers(5),
  },
  verified: room(4, { participants: crowd.slice(0, 3).map((one) => ({ ...one, trust: 'verified' })) }),
  paused: room(4, { participants: but([0, { streams: [camera(1, { paused: true })], quality: 1 }]) }),
  sharing: {
    ...room(5, { participants: but([1, { streams: [camera(2), screen(20)] }]) }),
    streams: [...numbers(5), 20],
  },
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
          quality: { code: 'quality_good', message: 'Good connection throughout.' },
          reason: null,
        },
      },
    ],
  },
};
