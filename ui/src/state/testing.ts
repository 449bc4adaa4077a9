/** Parts for tests; nothing but tests imports this. */
import type {
  CallView,
  ChatMessage,
  ChatView,
  Command,
  CommandError,
  Core,
  Drag,
  EngineEvent,
  FileItem,
  FileOffer,
  FileTransfer,
  FrameSource,
  NumberedEvent,
} from '../core/core';
import type {
  OutgoingFile,
  Participant,
  Reply,
  ReportWords,
  Sentence,
  Snapshot,
  StreamView,
  Taken,
} from '../core/core';

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
      language: 'system',
      mirrorSelfView: true,
      chimeOnJoin: true,
      notifyOnJoin: true,
      attentionOnJoin: true,
      notifyOnChat: true,
      shareSound: false,
      askBeforeClosing: true,
    },
    devices: { cameras: [], microphones: [], speakers: [] },
    preview: { active: false, camera: source, microphone: source, speaker: source, share: null },
    call: null,
    chat: null,
    board: null,
    files: { offers: [] },
    games: { me: 'me', offers: [], game: null, sketch: null },
    arena: null,
    sheet: null,
    levels: { microphone: 0, participants: {} },
    statistics: { participants: {}, encodingMs: null, busy: false },
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
    reach: { code: 'reach_local', message: '' },
    serverConnected: true,
    serverProblem: null,
    connectedSince: null,
    participants: [],
    left: null,
    invitation: { code: 'invitation', message: '' },
    capacity: 8,
    locked: false,
    knocks: [],
    hand: null,
    recording: null,
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

export function item(name = 'valve.pdf', bytes = 2_400_000, change: Partial<FileItem> = {}): FileItem {
  return { name, folder: false, files: 1, bytes, program: false, ...change };
}

export function transfer(change: Partial<FileTransfer> = {}): FileTransfer {
  return {
    peer: 'a',
    name: 'Ada',
    state: 'offered',
    verified: 0,
    speed: 0,
    secondsLeft: null,
    problem: null,
    resumable: false,
    ...change,
  };
}

/** One file of somebody else's. */
export function offer(id: string, change: Partial<FileOffer> = {}): FileOffer {
  return {
    id,
    ours: false,
    author: 'a',
    authorName: 'Ada',
    at: 0,
    number: 0,
    to: null,
    items: [item()],
    files: 1,
    bytes: 2_400_000,
    program: false,
    free: 58_000_000_000,
    fits: true,
    folder: 'Downloads',
    hash: null,
    transfers: [transfer()],
    ...change,
  };
}

export function participant(change: Partial<Participant> = {}): Participant {
  return {
    id: 'a',
    name: 'Ada',
    connection: 'connected',
    microphoneOn: true,
    sharesSound: false,
    streams: [stream()],
    volume: 1,
    trust: 'unverified',
    late: false,
    hand: null,
    records: false,
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

  drawsPictures(): Promise<boolean> {
    return Promise.resolve(false);
  }

  layOutPictures(): Promise<void> {
    return Promise.resolve();
  }

  setTitle(title: string): void {
    this.title = title;
  }

  onCloseRequested(callback: () => void): void {
    this.#close = callback;
  }

  /** The words that the page has for what the shell says. */
  say: ((sentences: readonly Sentence[]) => string) | undefined;

  onWords(say: (sentences: readonly Sentence[]) => string): void {
    this.say = say;
  }

  closeWindow(): Promise<void> {
    this.closed += 1;
    return Promise.resolve();
  }

  /** What the shell gives, and what it was asked for. */
  taken: Taken = { files: [], problem: null };
  clipboard: Taken = { files: [], problem: null };
  refusal: CommandError | undefined;
  place: string | null = '/home/robin/x';
  readonly shell: unknown[] = [];
  #drag: ((drag: Drag) => void) | undefined;

  #did<T>(value: T, ...what: unknown[]): Promise<T> {
    this.shell.push(what);
    return this.refusal ? Promise.reject(this.refusal) : Promise.resolve(value);
  }

  chooseFiles(folders: boolean): Promise<Taken> {
    return this.#did(this.taken, 'choose', folders);
  }

  pastePicture(picture: Uint8Array): Promise<OutgoingFile> {
    const file = { id: 77, name: 'Pasted picture 1.png', bytes: picture.length, folder: false };
    return this.#did(file, 'paste', picture.length);
  }

  pasteClipboard(): Promise<Taken> {
    return Promise.resolve(this.clipboard);
  }

  onDrag(callback: (drag: Drag) => void): void {
    this.#drag = callback;
  }

  drag(drag: Drag): void {
    this.#drag?.(drag);
  }

  discardFiles(ids: number[]): Promise<void> {
    return this.#did(undefined, 'discard', ids);
  }

  offerFiles(ids: number[], to: string | null): Promise<void> {
    return this.#did(undefined, 'offer', ids, to);
  }

  acceptFilesAs(offer: string, single: string | null): Promise<boolean> {
    return this.#did(this.place !== null, 'accept as', offer, single);
  }

  revealFiles(offer: string): Promise<void> {
    return this.#did(undefined, 'reveal', offer);
  }

  revealRecording(): Promise<void> {
    return this.#did(undefined, 'reveal recording');
  }

  saveChat(name: string): Promise<string | null> {
    return this.#did(this.place, 'save chat', name);
  }

  saveReport(name: string, _utcOffset: number, words: ReportWords): Promise<string | null> {
    return this.#did(this.place, 'save report', name, words);
  }

  openAddress(address: string): Promise<void> {
    return this.#did(undefined, 'open', address);
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
