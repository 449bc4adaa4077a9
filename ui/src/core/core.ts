/**
 * The door to Rust, as everybody else sees it. Only this folder knows that Tauri is behind it; the mock core in
 * `mock/` is behind it when screens are looked at without an engine.
 */
import type { Command } from './generated/Command';
import type { CommandError } from './generated/CommandError';
import type { NumberedEvent } from './generated/NumberedEvent';
import type { Reply } from './generated/Reply';
import type { Snapshot } from './generated/Snapshot';
import type { FrameSource } from './frames/source';

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
export type { Knock } from './generated/Knock';
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
export type { SafetyNumber } from './generated/SafetyNumber';
export type { ScreenChoice } from './generated/ScreenChoice';
export type { Settings } from './generated/Settings';
export type { ShareView } from './generated/ShareView';
export type { Snapshot } from './generated/Snapshot';
export type { Source } from './generated/Source';
export type { SourceView } from './generated/SourceView';
export type { StreamView } from './generated/StreamView';
export type { Trust } from './generated/Trust';
export type { Frame, FrameConsumer, FrameSource } from './frames/source';

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
  /** Closes the window, whatever it is doing. */
  closeWindow(): Promise<void>;
  /** The pictures. */
  readonly frames: FrameSource;
}

/** Whatever was thrown at the door, as an error that a person can read. */
export function asCommandError(thrown: unknown): CommandError {
  if (typeof thrown === 'object' && thrown !== null && 'code' in thrown && 'message' in thrown) {
    return { code: String(thrown.code), message: String(thrown.message) };
  }
  // Tauri itself refuses with a bare string, for instance when a command does not exist. Its words mean nothing to a
  // person, so they go no further.
  return {
    code: 'internal',
    message: 'Tincan did not answer. Try again; if it happens again, close Tincan and open it again.',
  };
}
