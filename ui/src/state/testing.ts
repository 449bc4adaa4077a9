/** Parts for tests; nothing but tests imports this. */
import type {
  CallView,
  ChatMessage,
  ChatView,
  Command,
  CommandError,
  Core,
  EngineEvent,
  FrameSource,
  NumberedEvent,
} from '../core/core';
import type { Participant, Reply, Snapshot, StreamView } from '../core/core';

export function snapshot(change: Partial<Snapshot> = {}): Snapshot {
  const source = { chosen: true, on: true, working: true, device: 'A', problem: null };
  return {
    number: 0,
    version: '1.2.3',
    settings: {
      name: '',
      camera: 'default',
      microphone: 'default',
      speaker: 'default',
      microphoneOn: true,
      cameraOn: true,
      server: null,
      iceServers: [],
      relayOnly: false,
      echoCancellation: true,
      noiseSuppression: true,
      automaticGain: true,
      theme: 'system',
      mirrorSelfView: true,
      chimeOnJoin: true,
      notifyOnJoin: true,
      attentionOnJoin: true,
      notifyOnChat: true,
      askBeforeClosing: true,
    },
    devices: { cameras: [], microphones: [], speakers: [] },
    preview: { active: false, camera: source, microphone: source, speaker: source, share: null },
    call: null,
    chat: null,
    board: null,
    levels: { microphone: 0, participants: {} },
    statistics: { participants: {} },
    nearby: [],
    recent: [],
    lastCall: null,
    ...change,
  };
}

export function call(change: Partial<CallView> = {}): CallView {
  return {
    phase: 'connected',
    code: 'kqz4-m8tr-xp',
    inviteLink: 'tincan://join/kqz4m8trxp',
    test: false,
    reach: '',
    serverConnected: true,
    serverProblem: null,
    connectedSince: null,
    participants: [],
    left: null,
    invitation: '',
    capacity: 8,
    locked: false,
    knocks: [],
    hand: null,
    safety: null,
    ...change,
  };
}

export function chat(change: Partial<ChatView> = {}): ChatView {
  return { me: 'me', messages: [], names: {}, history: { open: true, ours: false }, ...change };
}

export function message(number: number, author: string, change: Partial<ChatMessage> = {}): ChatMessage {
  return {
    id: `${number}-${author}`,
    number,
    author,
    at: 0,
    to: null,
    reply: null,
    text: 'x',
    edited: false,
    passedOnBy: null,
    reactions: [],
    ...change,
  };
}

export function participant(change: Partial<Participant> = {}): Participant {
  return {
    id: 'a',
    name: 'Ada',
    connection: 'connected',
    microphoneOn: true,
    streams: [stream()],
    volume: 1,
    trust: 'unverified',
    late: false,
    hand: null,
    quality: 4,
    ...change,
  };
}

export function stream(change: Partial<StreamView> = {}): StreamView {
  return { source: 'camera', stream: 1, on: true, paused: false, ...change };
}

type Answer = Reply | CommandError | Promise<Reply>;

/** A core that says what it is told to, and remembers what it was asked. */
export class ScriptedCore implements Core {
  readonly asked: Command[] = [];
  readonly answers = new Map<Command['type'], Answer>();
  readonly frames: FrameSource = { attach: () => () => undefined, resized: () => undefined };
  subscriptions = 0;
  link: string | null = null;
  snapshot = snapshot();
  #hear: ((event: NumberedEvent) => void) | undefined;
  #link: ((link: string) => void) | undefined;

  async dispatch(command: Command): Promise<Reply> {
    this.asked.push(command);
    const answer = await (this.answers.get(command.type) ?? { type: 'done' as const });
    if ('message' in answer) throw answer;
    return answer;
  }

  subscribe(onEvent: (event: NumberedEvent) => void): Promise<Snapshot> {
    this.subscriptions += 1;
    this.#hear = onEvent;
    return Promise.resolve(this.snapshot);
  }

  takeLink(): Promise<string | null> {
    return Promise.resolve(this.link);
  }

  onLink(callback: (link: string) => void): void {
    this.#link = callback;
  }

  /** What the window is called, and how often it was closed. */
  title = '';
  closed = 0;
  #close: (() => void) | undefined;

  setTitle(title: string): void {
    this.title = title;
  }

  onCloseRequested(callback: () => void): void {
    this.#close = callback;
  }

  closeWindow(): Promise<void> {
    this.closed += 1;
    return Promise.resolve();
  }

  requestClose(): void {
    this.#close?.();
  }

  openLink(link: string): void {
    this.#link?.(link);
  }

  tell(event: EngineEvent): void {
    this.snapshot = { ...this.snapshot, number: this.snapshot.number + 1 };
    this.tellNumbered(this.snapshot.number, event);
  }

  tellNumbered(number: number, event: EngineEvent): void {
    this.#hear?.({ number, event });
  }
}
