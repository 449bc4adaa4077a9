import { asCommandError, type ScreenChoice, type ShareView } from '../core/core';
import type { Session } from './session.svelte';
import { sentence, t } from '../words';

/** What is said of our own share; what it is called is said beside it. */
export function shareSays({ choosing, hidden }: ShareView): string {
  if (choosing) return t('call.choose_in_your_desktops_dialog');
  return hidden ? t('call.sharing_minimised') : t('call.sharing');
}

/** What is said of its sound; nothing where none was asked for, or as long as it is about to begin. */
export function shareSoundSays({ sound }: ShareView): string | undefined {
  if (sound?.problem) return sentence(sound.problem);
  return sound?.working ? t('call.sharing_with_sound') : undefined;
}

/** Whether there is nothing to see of it, and nothing to be shown. */
export function isMinimised({ kind, picture }: ScreenChoice): boolean {
  return kind === 'window' && picture === null;
}

/** Sharing our screen: the sheet in which somebody chooses what, and what becomes of it. */
export class ShareModel {
  /** The sheet is open. */
  open = $state(false);
  /** What can be shared; `undefined` while it is looked for. */
  choices = $state.raw<readonly ScreenChoice[]>();
  /** Whether this computer's sound can go with it. */
  canSound = $state(false);
  /** Why nothing can. */
  problem = $state<string>();
  /** How what we share looked when it was chosen: a still picture says enough to whoever sees the thing itself. */
  picture = $state<string>();
  /** Motion before sharpness. */
  smooth = $state(false);

  readonly #session: Session;
  /** Of several looks the last one counts. */
  #look = 0;

  constructor(session: Session) {
    this.#session = session;
  }

  readonly shared = $derived.by(() => this.#session.preview?.share ?? undefined);
  /** Whether it goes with what is shared next: what it was last. */
  readonly sound = $derived.by(() => this.#session.settings?.shareSound ?? false);
  /** What the desktop asks for by itself, on Wayland. */
  readonly dialogs = $derived(this.choices?.filter(({ kind }) => kind === 'dialog') ?? []);
  readonly screens = $derived(this.choices?.filter(({ kind }) => kind === 'monitor') ?? []);
  readonly windows = $derived(this.choices?.filter(({ kind }) => kind === 'window') ?? []);

  /** What the button and the key do: whoever shares stops, whoever does not is asked what. */
  toggle(): void {
    if (this.shared) this.stop();
    else void this.choose();
  }

  /** Opens the sheet. */
  async choose(): Promise<void> {
    this.open = true;
    await this.look();
  }

  async look(): Promise<void> {
    this.#look += 1;
    const look = this.#look;
    this.choices = undefined;
    this.problem = undefined;
    try {
      const reply = await this.#session.core.dispatch({ type: 'list_screens' });
      if (look !== this.#look) return;
      this.choices = reply.type === 'screens' ? reply.screens : [];
      this.canSound = reply.type === 'screens' && reply.sound;
    } catch (thrown) {
      if (look === this.#look) this.problem = sentence(asCommandError(thrown));
    }
  }

  close(): void {
    this.#look += 1;
    this.open = false;
  }

  async share(id: string): Promise<void> {
    this.picture = this.choices?.find((choice) => choice.id === id)?.picture ?? undefined;
    this.close();
    const sound = this.canSound && this.sound ? 'system' : null;
    await this.#session.ask({ type: 'share_screen', id, smooth: this.smooth, sound });
  }

  setSound(on: boolean): void {
    void this.#session.updateSettings({ shareSound: on });
  }

  stop(): void {
    void this.#session.ask({ type: 'stop_sharing' });
  }
}
