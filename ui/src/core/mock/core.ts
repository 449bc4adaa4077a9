import type { Core, Drag, OutgoingFile, Taken } from '../core';
import type { FrameConsumer, FrameSource } from '../frames/source';
import type { Command } from '../generated/Command';
import type { NumberedEvent } from '../generated/NumberedEvent';
import type { Event } from '../generated/Event';
import type { FilesChange } from '../generated/FilesChange';
import type { Reply } from '../generated/Reply';
import type { Snapshot } from '../generated/Snapshot';
import { MockBoard } from './board';
import { changed as changedChat } from '../../state/chat';
import { changed as changedFiles } from '../../state/files';
import { changedSheet } from '../../state/sketch';
import { inChat } from './chat';
import { inFiles, MockShell, onMockDrag } from './files';
import { testPicture } from './picture';
import { inGames } from './game';
import { inCall } from './in-call';
import { SCENES } from './scenes';
import { SHAREABLE, shared } from './share';
import { inSketch } from './sketch';

/**
 * A core without an engine, to look at every screen: `npm run mock`, then `?scene=NAME&theme=light`. Not part of a
 * production build.
 */
export function mockCore(query: URLSearchParams): Core {
  const scene = SCENES[query.get('scene') ?? 'home'] ?? SCENES['home'];
  if (!scene) throw new Error('there is no scene called home');
  const snapshot = scene.snapshot();
  const theme = query.get('theme');
  if (theme === 'light' || theme === 'dark' || theme === 'system') snapshot.settings.theme = theme;
  return new MockCore(snapshot, scene.events ?? [], scene.streams ?? [], scene.lively ?? false);
}

/** How often levels are told, and for how long one speaks. */
const SPEECH_MS = 200;
const TURN_MS = 4_000;

class MockCore implements Core {
  readonly frames: FrameSource;
  #snapshot: Snapshot;
  readonly #events: readonly Event[];
  readonly #lively: boolean;
  readonly #board: MockBoard | undefined;
  readonly #shell = new MockShell();
  #turn: string | undefined;
  #hear: ((event: NumberedEvent) => void) | undefined;

  constructor(snapshot: Snapshot, events: readonly Event[], streams: readonly number[], lively: boolean) {
    this.#lively = lively;
    this.#snapshot = snapshot;
    this.#board = snapshot.board ? new MockBoard(snapshot.board) : undefined;
    this.#events = events;
    this.frames = new MockFrames(streams);
  }

  subscribe(onEvent: (event: NumberedEvent) => void): Promise<Snapshot> {
    this.#hear = onEvent;
    const snapshot = this.#snapshot;
    setTimeout(() => this.#events.forEach((event) => this.#tell(event)), 100);
    if (this.#lively) setInterval(() => this.#speak(), SPEECH_MS);
    return Promise.resolve(structuredClone(snapshot));
  }

  takeLink(): Promise<string | null> {
    return Promise.resolve(null);
  }

  onLink(): void {
    // No system opens links here.
  }

  drawsPictures(): Promise<boolean> {
    return Promise.resolve(false);
  }

  layOutPictures(): Promise<void> {
    return Promise.resolve();
  }

  setTitle(title: string): void {
    document.title = title;
  }

  /** There is no window to close: an event of the page stands for its button. */
  onCloseRequested(callback: () => void): void {
    addEventListener('close-requested', callback);
  }

  onWords(): void {
    // There is no shell that says anything.
  }

  closeWindow(): Promise<void> {
    this.#set({ call: null });
    return Promise.resolve();
  }

  chooseFiles(folders: boolean): Promise<Taken> {
    return Promise.resolve(this.#shell.choose(folders));
  }

  pastePicture(picture: Uint8Array): Promise<OutgoingFile> {
    return Promise.resolve(this.#shell.paste(picture));
  }

  pasteClipboard(): Promise<Taken> {
    return Promise.resolve({ files: [], problem: null });
  }

  onDrag(callback: (drag: Drag) => void): void {
    onMockDrag(callback);
  }

  discardFiles(ids: number[]): Promise<void> {
    return Promise.resolve(this.#shell.discard(ids));
  }

  offerFiles(ids: number[], to: string | null): Promise<void> {
    const number = this.#snapshot.chat?.messages.at(-1)?.number ?? 0;
    return Promise.resolve(this.#filesChanged(this.#shell.offer(ids, to, number)));
  }

  async acceptFilesAs(offer: string): Promise<boolean> {
    await this.dispatch({ type: 'accept_files', offer, folder: null, file: null });
    return true;
  }

  revealFiles(): Promise<void> {
    return Promise.reject({
      code: 'no_file_manager',
      message: 'No file manager was found on this computer.',
    });
  }

  revealRecording(): Promise<void> {
    return this.revealFiles();
  }

  saveChat(name: string): Promise<string | null> {
    return Promise.resolve(`/home/robin/Documents/${name}`);
  }

  saveReport(name: string): Promise<string | null> {
    return Promise.resolve(`/home/robin/Documents/${name}`);
  }

  openAddress(): Promise<void> {
    return Promise.reject({
      code: 'address_not_opened',
      message: 'No program on this computer opens this address. Copy it instead.',
    });
  }

  #filesChanged(change: FilesChange): void {
    this.#snapshot = { ...this.#snapshot, files: changedFiles(this.#snapshot.files, change) };
    this.#tell({ type: 'files', change });
  }

  /** Everybody speaks for a while, one after the other. */
  #speak(): void {
    const { call, levels } = this.#snapshot;
    const ids = (call?.participants ?? []).filter(({ microphoneOn }) => microphoneOn).map(({ id }) => id);
    const turn = ids[Math.floor(Date.now() / TURN_MS) % Math.max(1, ids.length)];
    const participants = Object.fromEntries(
      ids.map((id) => [id, id === turn ? 0.5 + Math.random() / 4 : 0.05]),
    );
    this.#tell({ type: 'levels', levels: { ...levels, participants } });
    if (turn === this.#turn) return;
    // Whoever spoke before likes what they said.
    if (this.#turn !== undefined) this.#tell({ type: 'reaction', peer: this.#turn, reaction: 'clap' });
    this.#turn = turn;
  }

  dispatch(command: Command): Promise<Reply> {
    const { preview, settings, call } = this.#snapshot;
    if (command.type === 'board') {
      const made = this.#board?.dispatch(command.command);
      // The engine tells what became of it a moment later, too.
      setTimeout(() => made?.events.forEach((event) => this.#tell(event)), 5);
      return Promise.resolve(made?.reply ?? { type: 'done' });
    }
    if (command.type === 'react') this.#tell({ type: 'reaction', peer: null, reaction: command.reaction });
    const changed = call && inCall(call, command, Date.now());
    if (changed) this.#set({ call: changed });
    const change = this.#snapshot.chat && inChat(this.#snapshot.chat, command);
    if (change) {
      this.#snapshot = { ...this.#snapshot, chat: changedChat(this.#snapshot.chat, change) };
      this.#tell({ type: 'chat', change });
    }
    const moved = inFiles(this.#snapshot.files, command);
    if (moved) this.#filesChanged(moved);
    const games = inGames(this.#snapshot.games, command);
    if (games) {
      this.#snapshot = { ...this.#snapshot, games };
      this.#tell({ type: 'games', games });
    }
    const drawn = inSketch(this.#snapshot.games, this.#snapshot.sheet, command);
    if (drawn.games) {
      this.#snapshot = { ...this.#snapshot, games: drawn.games };
      this.#tell({ type: 'games', games: drawn.games });
    }
    if (drawn.change) {
      const sheet = changedSheet(this.#snapshot.sheet, drawn.change);
      this.#snapshot = { ...this.#snapshot, sheet };
      this.#tell({ type: 'sheet', change: drawn.change });
    }
    switch (command.type) {
      case 'set_microphone':
        this.#set({ preview: { ...preview, microphone: { ...preview.microphone, on: command.on } } });
        break;
      case 'set_camera':
        this.#set({ preview: { ...preview, camera: { ...preview.camera, on: command.on } } });
        break;
      case 'list_screens':
        return Promise.resolve({ type: 'screens', screens: SHAREABLE, sound: true });
      case 'share_screen':
        this.#set({ preview: { ...preview, share: shared(command.id, command.sound !== null) } });
        break;
      case 'stop_sharing':
        this.#set({ preview: { ...preview, share: null } });
        break;
      case 'update_settings':
        this.#set({ settings: command.settings });
        break;
      case 'select_camera':
        this.#set({ settings: { ...settings, camera: command.id } });
        break;
      case 'select_microphone':
        this.#set({ settings: { ...settings, microphone: command.id } });
        break;
      case 'select_speaker':
        this.#set({ settings: { ...settings, speaker: command.id } });
        break;
      case 'leave':
        this.#set({ call: null });
        break;
      case 'create_room':
      case 'call_again':
        this.#set({ call: SCENES['alone']?.snapshot().call ?? null });
        break;
      case 'test_call':
        this.#set({ call: SCENES['one']?.snapshot().call ?? null });
        break;
      case 'join_room':
        return Promise.reject({
          code: 'room_not_found',
          message: 'There is no call with this code. Ask for the code again, or start a new call.',
        });
      case 'forget_recent':
        this.#set({ recent: [] });
        break;
      case 'forget_call':
        this.#set({ recent: this.#snapshot.recent.filter(({ code }) => code !== command.code) });
        break;
      case 'check_code':
        return Promise.resolve(checked(command.text));
      default:
    }
    return Promise.resolve({ type: 'done' });
  }

  #set(change: Partial<Pick<Snapshot, 'preview' | 'settings' | 'call' | 'recent'>>): void {
    const { preview, settings, call, recent } = change;
    if (preview) this.#tell({ type: 'preview', preview });
    if (settings) this.#tell({ type: 'settings', settings });
    if (call !== undefined) this.#tell({ type: 'call', call });
    if (recent) this.#tell({ type: 'recent', recent });
    this.#snapshot = { ...this.#snapshot, ...change };
  }

  #tell(event: Event): void {
    this.#snapshot = { ...this.#snapshot, number: this.#snapshot.number + 1 };
    this.#hear?.({ number: this.#snapshot.number, event });
  }
}

function checked(text: string): Reply {
  const plain = text
    .toLowerCase()
    .replace(/^.*join\//, '')
    .replace(/[^0-9a-z]/g, '');
  const formatted = (plain.match(/.{1,4}/g) ?? []).join('-');
  const problem =
    plain.length > 20
      ? { code: 'code_length', message: `A code has 10 or 20 characters; this has ${plain.length}.` }
      : null;
  return { type: 'code', formatted, complete: [10, 20].includes(plain.length), server: null, problem };
}

class MockFrames implements FrameSource {
  readonly #streams: readonly number[];

  constructor(streams: readonly number[]) {
    this.#streams = streams;
  }

  attach(stream: number, consumer: FrameConsumer): () => void {
    if (!this.#streams.includes(stream)) return () => undefined;
    let count = 0;
    let running = true;
    const draw = () => {
      if (!running) return;
      consumer.draw(testPicture(stream, count));
      count += 1;
      setTimeout(() => requestAnimationFrame(draw), 100);
    };
    requestAnimationFrame(draw);
    return () => {
      running = false;
    };
  }

  resized(): void {
    // Nobody is asked for another size.
  }
}
