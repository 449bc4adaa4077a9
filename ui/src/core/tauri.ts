import { Channel, invoke } from '@tauri-apps/api/core';
import { listen } from '@tauri-apps/api/event';
import {
  asCommandError,
  type Core,
  type Drag,
  type OutgoingFile,
  type PictureLayout,
  type Taken,
} from './core';
import { FrameSocket } from './frames/socket';
import type { Command } from './generated/Command';
import type { NumberedEvent } from './generated/NumberedEvent';
import type { Reply } from './generated/Reply';
import type { ReportWords } from './generated/ReportWords';
import type { Sentence } from './generated/Sentence';
import type { Snapshot } from './generated/Snapshot';

/** The engine behind Tauri's commands. */
export class TauriCore implements Core {
  readonly frames = new FrameSocket(async () => (await call<{ url: string }>('frame_socket')).url);
  #subscription: Channel<NumberedEvent> | undefined;

  dispatch(command: Command): Promise<Reply> {
    return call('dispatch', { command });
  }

  subscribe(onEvent: (event: NumberedEvent) => void): Promise<Snapshot> {
    const channel = new Channel<NumberedEvent>((event) => {
      // A replaced channel may still hold events of before the new snapshot.
      if (this.#subscription === channel) onEvent(event);
    });
    this.#subscription = channel;
    return call('subscribe', { channel });
  }

  takeLink(): Promise<string | null> {
    return call('take_link');
  }

  onLink(callback: (link: string) => void): void {
    // The event may carry the link, or only say that one waits.
    const hear = async (payload: unknown) => {
      const link = typeof payload === 'string' ? payload : await this.takeLink();
      if (link) callback(link);
    };
    void listen<unknown>('link', ({ payload }) => void hear(payload));
  }

  setTitle(title: string): void {
    // A window with an old title is no reason to bother anybody.
    void call('set_title', { title }).catch(() => undefined);
  }

  onCloseRequested(callback: () => void): void {
    void listen('close-requested', () => callback());
  }

  onWords(say: (sentences: readonly Sentence[]) => string): void {
    const answer = ({ number, sentences }: { number: number; sentences: Sentence[] }) =>
      // Without an answer it is said in English.
      call('give_words', { number, text: say(sentences) }).catch(() => undefined);
    void listen<{ number: number; sentences: Sentence[] }>('words', ({ payload }) => void answer(payload));
  }

  closeWindow(): Promise<void> {
    return call('close_window');
  }

  chooseFiles(folders: boolean): Promise<Taken> {
    return call('choose_files', { folders });
  }

  pastePicture(picture: Uint8Array): Promise<OutgoingFile> {
    // Bytes as they are: JSON would make numbers of them, four times as long.
    return call('paste_picture', picture);
  }

  pasteClipboard(): Promise<Taken> {
    return call('paste_clipboard');
  }

  onDrag(callback: (drag: Drag) => void): void {
    void listen<Drag>('drag', ({ payload }) => callback(payload));
  }

  discardFiles(ids: number[]): Promise<void> {
    return call('discard_files', { ids });
  }

  async offerFiles(ids: number[], to: string | null): Promise<void> {
    await call('offer_files', { ids, to });
  }

  acceptFilesAs(offer: string, single: string | null): Promise<boolean> {
    return call('accept_files_as', { offer, single });
  }

  revealFiles(offer: string): Promise<void> {
    return call('reveal_files', { offer });
  }

  revealRecording(): Promise<void> {
    return call('reveal_recording');
  }

  saveChat(name: string, utcOffset: number): Promise<string | null> {
    return call('save_chat', { name, utcOffset });
  }

  saveReport(name: string, utcOffset: number, words: ReportWords): Promise<string | null> {
    return call('save_report', { name, utcOffset, words });
  }

  drawsPictures(): Promise<boolean> {
    return call('draws_pictures');
  }

  layOutPictures(layout: PictureLayout): Promise<void> {
    return call('lay_out_pictures', { layout });
  }

  openAddress(address: string): Promise<void> {
    return call('open_address', { address });
  }
}

async function call<T>(name: string, payload?: Record<string, unknown> | Uint8Array): Promise<T> {
  try {
    return await invoke<T>(name, payload);
  } catch (thrown) {
    throw asCommandError(thrown);
  }
}
