import { Channel, invoke } from '@tauri-apps/api/core';
import { listen } from '@tauri-apps/api/event';
import { asCommandError, type Core } from './core';
import { FrameSocket } from './frames/socket';
import type { Command } from './generated/Command';
import type { NumberedEvent } from './generated/NumberedEvent';
import type { Reply } from './generated/Reply';
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

  closeWindow(): Promise<void> {
    return call('close_window');
  }
}

async function call<T>(name: string, payload?: Record<string, unknown>): Promise<T> {
  try {
    return await invoke<T>(name, payload);
  } catch (thrown) {
    throw asCommandError(thrown);
  }
}
