/**
 * The door to Rust, as everybody else sees it. Only this folder knows that Tauri is behind it; the mock core in
 * `mock/` is behind it when screens are looked at without an engine.
 */
import type { Command } from './generated/Command';
import type { CommandError } from './generated/CommandError';
import type { NumberedEvent } from './generated/NumberedEvent';
import type { Sentence } from './generated/Sentence';
import type { Reply } from './generated/Reply';
import type { ReportWords } from './generated/ReportWords';
import type { Snapshot } from './generated/Snapshot';
import type { FrameSource } from './frames/source';

export type { ArenaChange } from './generated/ArenaChange';
export type { ArenaView } from './generated/ArenaView';
export type { BoardChange } from './generated/BoardChange';
export type { BoardCommand } from './generated/BoardCommand';
export type { BoardEdit } from './generated/BoardEdit';
export type { BoardElement } from './generated/BoardElement';
export type { BoardKind } from './generated/BoardKind';
export type { BoardLive } from './generated/BoardLive';
export type { BoardNew } from './generated/BoardNew';
export type { BoardOrder } from './generated/BoardOrder';
export type { BoardOwn } from './generated/BoardOwn';
export type { BoardOwnLive } from './generated/BoardOwnLive';
export type { BoardOwnStroke } from './generated/BoardOwnStroke';
export type { BoardPicture } from './generated/BoardPicture';
export type { BoardStroke } from './generated/BoardStroke';
export type { BoardStyle } from './generated/BoardStyle';
export type { BoardView } from './generated/BoardView';
export type { CallPhase } from './generated/CallPhase';
export type { CallStatistics } from './generated/CallStatistics';
export type { CallSummary } from './generated/CallSummary';
export type { CallView } from './generated/CallView';
export type { ChatChange } from './generated/ChatChange';
export type { ChatHistory } from './generated/ChatHistory';
export type { ChatMessage } from './generated/ChatMessage';
export type { ChatReaction } from './generated/ChatReaction';
export type { ChatView } from './generated/ChatView';
export type { Command } from './generated/Command';
export type { CommandError } from './generated/CommandError';
export type { Device } from './generated/Device';
export type { Devices } from './generated/Devices';
export type { Event as EngineEvent } from './generated/Event';
export type { FileItem } from './generated/FileItem';
export type { FileOffer } from './generated/FileOffer';
export type { FilesChange } from './generated/FilesChange';
export type { FilesView } from './generated/FilesView';
export type { FileTransfer } from './generated/FileTransfer';
export type { GameCommand } from './generated/GameCommand';
export type { GameKind } from './generated/GameKind';
export type { GameOffer } from './generated/GameOffer';
export type { GameOut } from './generated/GameOut';
export type { GamePhase } from './generated/GamePhase';
export type { GamePlayer } from './generated/GamePlayer';
export type { GamesView } from './generated/GamesView';
export type { GameTurn } from './generated/GameTurn';
export type { GameView } from './generated/GameView';
export type { Knock } from './generated/Knock';
export type { Language } from './generated/Language';
export type { Levels } from './generated/Levels';
export type { NearbyCall } from './generated/NearbyCall';
export type { Notice } from './generated/Notice';
export type { NumberedEvent } from './generated/NumberedEvent';
export type { Participant } from './generated/Participant';
export type { ParticipantStatistics } from './generated/ParticipantStatistics';
export type { Preview } from './generated/Preview';
export type { Reaction } from './generated/Reaction';
export type { RecentCall } from './generated/RecentCall';
export type { Reply } from './generated/Reply';
export type { ReportWords } from './generated/ReportWords';
export type { SafetyNumber } from './generated/SafetyNumber';
export type { ScreenChoice } from './generated/ScreenChoice';
export type { Sentence } from './generated/Sentence';
export type { Settings } from './generated/Settings';
export type { SheetChange } from './generated/SheetChange';
export type { SheetStroke } from './generated/SheetStroke';
export type { SheetView } from './generated/SheetView';
export type { SketchCommand } from './generated/SketchCommand';
export type { SketchLanguage } from './generated/SketchLanguage';
export type { SketchPhase } from './generated/SketchPhase';
export type { SketchPlayer } from './generated/SketchPlayer';
export type { SketchSaid } from './generated/SketchSaid';
export type { SketchVerdict } from './generated/SketchVerdict';
export type { SketchView } from './generated/SketchView';
export type { ShareView } from './generated/ShareView';
export type { Snapshot } from './generated/Snapshot';
export type { Source } from './generated/Source';
export type { SourceView } from './generated/SourceView';
export type { StreamView } from './generated/StreamView';
export type { Trust } from './generated/Trust';
export type { Frame, FrameConsumer, FrameSource } from './frames/source';

/** A file or folder that was chosen, dropped or pasted, and is not offered yet. Its path stays in the shell. */
export interface OutgoingFile {
  /** Names it in the shell. */
  id: number;
  name: string;
  /** `null` for a folder: it is counted when it is offered. */
  bytes: number | null;
  folder: boolean;
}

/** What came of choosing, dropping or pasting. */
export interface Taken {
  files: OutgoingFile[];
  /** What could not be taken. */
  problem: Sentence | null;
}

/** Files of the system over the window. */
export type Drag = { type: 'over'; count: number } | { type: 'left' } | { type: 'dropped'; taken: Taken };

/** Where one stream's pictures are in the page, in CSS pixels. Boxes are x, y, width, height. */
export interface PictureView {
  stream: number;
  /** Whether the page is to get its pictures as well. */
  page: boolean;
  /** In which the picture lies, undistorted, as large as possible. */
  picture: number[];
  /** Beyond which nothing of it is seen. */
  clip: number[];
  /** Of the corners of `clip`. */
  radius: number;
  mirrored: boolean;
  /** What lies over it: boxes, each with the radius of its corners as a fifth. */
  holes: number[][];
}

/** What the window draws itself, above the page; what comes later lies above. */
export interface PictureLayout {
  views: PictureView[];
}

/** Everything that the window asks of the engine and hears from it. */
export interface Core {
  /** Rejects with a `CommandError`, and with nothing else. */
  dispatch(command: Command): Promise<Reply>;
  /** The state as it is, and every event after it. A second call ends the first one's events. */
  subscribe(onEvent: (event: NumberedEvent) => void): Promise<Snapshot>;
  /** The invite link that the app was opened with, once. */
  takeLink(): Promise<string | null>;
  /** Calls back for every invite link that the system opens while the app runs. */
  onLink(callback: (link: string) => void): void;
  /** What the window is called where the system lists windows. */
  setTitle(title: string): void;
  /** Calls back when somebody wants to close the window while it is in a call. It stays until `closeWindow`. */
  onCloseRequested(callback: () => void): void;
  /** What the shell says to the person itself is said in the words that this gives. */
  onWords(say: (sentences: readonly Sentence[]) => string): void;
  /** Closes the window, whatever it is doing. */
  closeWindow(): Promise<void>;
  /** Lets the person choose files, or folders, in the system's own dialog. */
  chooseFiles(folders: boolean): Promise<Taken>;
  /** Keeps a picture that was pasted as a file. */
  pastePicture(picture: Uint8Array): Promise<OutgoingFile>;
  /** Takes what is on the clipboard and the page does not see. */
  pasteClipboard(): Promise<Taken>;
  /** Calls back while files are dragged over the window, and when they are dropped. */
  onDrag(callback: (drag: Drag) => void): void;
  /** Puts files away that are not sent. */
  discardFiles(ids: number[]): Promise<void>;
  /** Offers what was taken; to one only, or to everybody. */
  offerFiles(ids: number[], to: string | null): Promise<void>;
  /** Takes an offer to where the person chooses. `single`: the suggested name of its only file. Says whether they chose. */
  acceptFilesAs(offer: string, single: string | null): Promise<boolean>;
  /** Shows what was received in its folder. */
  revealFiles(offer: string): Promise<void>;
  /** Shows the recording that ended last in its folder. */
  revealRecording(): Promise<void>;
  /** Saves the chat where the person chooses, and says where; `null`: they changed their mind. */
  saveChat(name: string, utcOffset: number): Promise<string | null>;
  /** Saves how the call went where the person chooses, and says where; `null`: they changed their mind. */
  saveReport(name: string, utcOffset: number, words: ReportWords): Promise<string | null>;
  /** Opens an address outside of Tincan. */
  openAddress(address: string): Promise<void>;
  /** Whether the window draws pictures itself, where `layOutPictures` says. */
  drawsPictures(): Promise<boolean>;
  /** Says where the pictures are that the window draws; the page gets all others. */
  layOutPictures(layout: PictureLayout): Promise<void>;
  /** The pictures. */
  readonly frames: FrameSource;
}

/** Whatever was thrown at the door, as an error that a person can read. */
export function asCommandError(thrown: unknown): CommandError {
  if (typeof thrown === 'object' && thrown !== null && 'code' in thrown && 'message' in thrown) {
    const error = { code: String(thrown.code), message: String(thrown.message) };
    const { parameters } = thrown as Partial<CommandError>;
    return parameters ? { ...error, parameters } : error;
  }
  // Tauri itself refuses with a bare string, for instance when a command does not exist. Its words mean nothing to a
  // person, so they go no further.
  return {
    code: 'no_answer',
    message: 'Tincan did not answer. Try again; if it happens again, close Tincan and open it again.',
  };
}
