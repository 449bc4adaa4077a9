import { asCommandError, type Command, type CommandError, type Core, type NumberedEvent } from '../core/core';
import type { FilesView, Notice, Preview, Reply, Settings, Snapshot } from '../core/core';
import { serverOf } from './call-status';
import { BoardStore } from './board/store.svelte';
import { CodeEntry } from './code-entry.svelte';
import { Outbox } from './outbox.svelte';
import { Reactions } from './reactions.svelte';
import { fileName, utcOffset } from './chat';
import { apply } from './reducer';
import { reportWords } from './report';
import { screen, type Intent } from './screen';
import { Toasts } from './toasts.svelte';
import { Toggle } from './toggle.svelte';
import { sentence, t } from '../words';

const NO_FILES: FilesView = { offers: [] };

/**
 * The window's state: the engine's snapshot, and the little that only the window knows. Views read it and call its
 * methods; nothing in here knows how anything looks.
 */
export class Session {
  readonly core: Core;
  readonly toasts: Toasts;
  readonly reactions = new Reactions();
  readonly board = new BoardStore();
  /** What was chosen, dropped or pasted, and is not offered yet. */
  readonly outbox: Outbox;

  #snapshot = $state.raw<Snapshot>();
  /** Events that came before the snapshot that they follow. */
  #early: NumberedEvent[] = [];
  #subscriptions = 0;

  /** Why there is no snapshot. */
  failure = $state.raw<CommandError>();
  intent = $state.raw<Intent>();
  /** The way into a call that a person waits for. */
  busy = $state<'join' | 'test'>();
  /** Why the last attempt to join failed. */
  joinError = $state.raw<CommandError>();
  /** What stands in the code field. */
  readonly code = new CodeEntry((text) => this.#checkCode(text));
  #closing = $state(false);
  /** What shows where others draw and point right now. */
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- nobody watches it
  readonly #live = new Set<'board' | 'screen'>();
  #afterDismissed = $state(true);

  readonly microphone: Toggle;
  readonly camera: Toggle;

  constructor(core: Core, toasts = new Toasts()) {
    this.core = core;
    this.toasts = toasts;
    this.outbox = new Outbox(core, (kind, code, message) => this.tell(kind, code, message));
    this.microphone = new Toggle(
      () => this.#snapshot?.preview.microphone.on ?? true,
      (on) => core.dispatch({ type: 'set_microphone', on }),
    );
    this.camera = new Toggle(
      () => this.#snapshot?.preview.camera.on ?? true,
      (on) => core.dispatch({ type: 'set_camera', on }),
    );
  }

  readonly ready = $derived(this.#snapshot !== undefined);
  readonly call = $derived(this.#snapshot?.call ?? null);
  readonly chat = $derived(this.#snapshot?.chat ?? null);
  readonly files = $derived(this.#snapshot?.files ?? NO_FILES);
  readonly games = $derived(this.#snapshot?.games);
  readonly arena = $derived(this.#snapshot?.arena ?? null);
  readonly sheet = $derived(this.#snapshot?.sheet ?? null);
  readonly lastCall = $derived(this.#snapshot?.lastCall ?? null);
  /** Whether somebody wants to close the window, and has to say whether the call may end. */
  readonly closing = $derived(this.#closing && this.call !== null);
  readonly screen = $derived(screen(this.call, this.intent, this.#afterDismissed ? null : this.lastCall));

  readonly settings = $derived(this.#snapshot?.settings);
  readonly devices = $derived(this.#snapshot?.devices);
  readonly preview = $derived(this.#snapshot?.preview);
  readonly levels = $derived(this.#snapshot?.levels);
  readonly statistics = $derived(this.#snapshot?.statistics);
  readonly nearby = $derived(this.#snapshot?.nearby ?? []);
  readonly recent = $derived(this.#snapshot?.recent ?? []);
  readonly version = $derived(this.#snapshot?.version ?? '');

  // ── Following the engine ─────────────────────────────────────────────────────────────────────────────────────

  async start(): Promise<void> {
    await this.#subscribe();
    this.core.onLink((link) => this.#offer(link));
    this.core.onCloseRequested(() => this.#closeRequested());
    this.core.onWords((sentences) => sentences.map(sentence).join(' '));
    this.core.onDrag((drag) => this.outbox.drag(drag));
    const link = await this.core.takeLink().catch(() => null);
    if (link) this.#offer(link);
  }

  async retry(): Promise<void> {
    this.failure = undefined;
    await this.#subscribe();
  }

  /** The engine tells where others draw and point only while something here shows it. */
  watchLive(who: 'board' | 'screen', on: boolean): void {
    const before = this.#live.size > 0;
    if (on) this.#live.add(who);
    else this.#live.delete(who);
    const now = this.#live.size > 0;
    // Whoever begins to show it is told what goes on already.
    if (!on && before === now) return;
    const command: Command = { type: 'board', command: { type: 'show', on: now } };
    void this.core.dispatch(command).catch(() => undefined);
  }

  async #subscribe(): Promise<void> {
    this.#subscriptions += 1;
    const subscription = this.#subscriptions;
    this.#early = [];
    let waiting = true;
    const hear = (event: NumberedEvent) => {
      if (subscription !== this.#subscriptions) return;
      // The channel may be faster than the reply that carries the snapshot.
      if (waiting) this.#early.push(event);
      else this.#hear(event);
    };
    try {
      const snapshot = await this.core.subscribe(hear);
      if (subscription !== this.#subscriptions) return;
      this.#snapshot = snapshot;
      this.board.reset(snapshot.board);
      waiting = false;
      const early = this.#early;
      this.#early = [];
      for (const event of early) this.#hear(event);
    } catch (thrown) {
      if (subscription === this.#subscriptions) this.failure = asCommandError(thrown);
    }
  }

  #hear(numbered: NumberedEvent): void {
    const snapshot = this.#snapshot;
    if (!snapshot || numbered.number <= snapshot.number) return;
    const next = apply(snapshot, numbered);
    if (next === 'gap') {
      void this.#subscribe();
      return;
    }
    this.#snapshot = next;
    const { event } = numbered;
    if (event.type === 'preview' && snapshot.call) this.#tellProblems(snapshot.preview, event.preview);
    if (event.type === 'notice') this.#notice(event.notice);
    if (event.type === 'board') this.board.apply(event.change);
    if (event.type === 'board_live') this.board.hear(event.live, performance.now());
    if (event.type === 'reaction') this.reactions.show(event.peer, event.reaction);
    // Only a call that ended while this window watched is followed by the screen after it.
    if (event.type === 'last_call') this.#afterDismissed = event.summary === null;
    // A question about a call that is over has answered itself.
    if (event.type === 'call' && event.call === null) this.#closing = false;
  }

  #notice(notice: Notice): void {
    const recorded = notice.code === 'recorded' || notice.code === 'recorded_full';
    const show = {
      label: t('files.show_in_folder'),
      button: true,
      stays: true,
      run: () => void this.told(this.core.revealRecording()),
    };
    this.toasts.show({ ...notice, message: sentence(notice) }, recorded ? show : undefined);
  }

  /** In the lobby problems stand beside the devices; in a call there is a small badge only. */
  #tellProblems(before: Preview, now: Preview): void {
    for (const kind of ['camera', 'microphone', 'speaker'] as const) {
      const { on, problem } = now[kind];
      if (on && problem !== null && problem.message !== before[kind].problem?.message) {
        this.tell('hint', `${kind}_problem`, sentence(problem));
      }
    }
  }

  #offer(link: string): void {
    if (this.call) {
      this.tell('hint', 'link_in_call', t('app.link_in_call'));
      return;
    }
    this.home();
    this.code.offer(link);
  }

  // ── Closing the window ───────────────────────────────────────────────────────────────────────────────────────

  #closeRequested(): void {
    if (this.call !== null && this.settings?.askBeforeClosing !== false) this.#closing = true;
    else void this.close();
  }

  /** The person wants the window closed, and the call to end with it. */
  async close(): Promise<void> {
    this.#closing = false;
    await this.told(this.core.closeWindow());
  }

  /** The person would rather stay. */
  stay(): void {
    this.#closing = false;
  }

  // ── Asking the engine ────────────────────────────────────────────────────────────────────────────────────────

  tell(kind: Notice['kind'], code: string, message: string): void {
    this.toasts.show({ kind, code, message });
  }

  /** Asks; a refusal becomes a toast. Says whether it was done. */
  async ask(command: Command): Promise<boolean> {
    return this.told(this.core.dispatch(command));
  }

  /** The same, for whoever needs the answer; `undefined` after a refusal. */
  asked(command: Command): Promise<Reply | undefined> {
    return this.answered(this.core.dispatch(command));
  }

  /** Waits for something that was asked; a refusal becomes a toast. Says whether it was done. */
  async told(promise: Promise<unknown>): Promise<boolean> {
    return (await this.answered(promise.then(() => true))) ?? false;
  }

  /** The same, giving what came; `undefined` after a refusal. */
  async answered<T>(promise: Promise<T>): Promise<T | undefined> {
    try {
      return await promise;
    } catch (thrown) {
      const error = asCommandError(thrown);
      this.tell('error', error.code, sentence(error));
      return undefined;
    }
  }

  setMicrophone(on: boolean): Promise<boolean> {
    return this.told(this.microphone.set(on));
  }

  /** Whether anything of it goes out: switched on, and a device was chosen. */
  sends(kind: 'microphone' | 'camera'): boolean {
    return this[kind].on && this.preview?.[kind].chosen !== false;
  }

  /** A press on the toggle, or its key. */
  switchOver(kind: 'microphone' | 'camera'): void {
    if (this.preview?.[kind].chosen === false) {
      this.tell('hint', `no_${kind}`, t('app.chose_none', { kind }));
    } else {
      void this.told(this[kind].set(!this[kind].on));
    }
  }

  async updateSettings(change: Partial<Settings>): Promise<boolean> {
    if (!this.settings) return false;
    return this.ask({ type: 'update_settings', settings: { ...this.settings, ...change } });
  }

  /** Whole codes and problems while somebody types; `undefined` when the engine did not answer. */
  async #checkCode(text: string): Promise<Extract<Reply, { type: 'code' }> | undefined> {
    try {
      const reply = await this.core.dispatch({ type: 'check_code', text });
      return reply.type === 'code' ? reply : undefined;
    } catch {
      // Joining says the same again, so nothing is lost here.
      return undefined;
    }
  }

  /** Asks where, and saves there how the call went, or the last one. */
  async saveReport(now: Date): Promise<void> {
    const name = fileName(t('call.report_file'), 'html', now);
    const file = await this.answered(this.core.saveReport(name, utcOffset(now), reportWords()));
    if (file) this.tell('info', 'report_saved', t('call.report_saved', { file }));
  }

  // ── Walking through the screens ──────────────────────────────────────────────────────────────────────────────

  enterLobby(intent: Intent): void {
    this.joinError = undefined;
    this.intent = intent;
    void this.ask({ type: 'start_preview' });
  }

  /** Back from the lobby, or away from the screen after a call. */
  home(): void {
    this.#leaveLobby();
    this.#afterDismissed = true;
  }

  #leaveLobby(): void {
    if (!this.intent) return;
    this.intent = undefined;
    this.joinError = undefined;
    void this.ask({ type: 'stop_preview' });
  }

  /** The lobby's Join button. */
  async joinFromLobby(): Promise<void> {
    const { intent } = this;
    if (!intent) return;
    if (intent.type === 'join' && !this.code.insist()) return;
    if (await this.#join('join', this.#wayIn(intent))) {
      // What was refused stays in the field, to be mended.
      if (intent.type === 'join') this.code.clear();
      // The call holds camera and microphone by now; the lobby lets go of them without anything closing.
      if (this.intent === intent) this.#leaveLobby();
    }
  }

  #wayIn(intent: Intent): Command {
    switch (intent.type) {
      case 'create':
        return { type: 'create_room' };
      case 'join':
        return { type: 'join_room', code: this.code.link };
      case 'again':
        return { type: 'call_again', code: intent.code, server: intent.server };
    }
  }

  async testCall(): Promise<void> {
    await this.#join('test', { type: 'test_call' });
    this.#toastJoinError();
  }

  async rejoin(): Promise<void> {
    const summary = this.lastCall;
    if (!summary) return;
    // Whoever is first opens the room again: the others may have left it too.
    await this.#join(
      'join',
      summary.test
        ? { type: 'test_call' }
        : { type: 'call_again', code: summary.code, server: serverOf(summary.inviteLink) },
    );
    this.#toastJoinError();
  }

  leave(): Promise<boolean> {
    return this.ask({ type: 'leave' });
  }

  async #join(kind: 'join' | 'test', command: Command): Promise<boolean> {
    if (this.busy) return false;
    this.busy = kind;
    this.joinError = undefined;
    try {
      await this.core.dispatch(command);
      return true;
    } catch (thrown) {
      const error = asCommandError(thrown);
      // Who cancelled knows it.
      if (error.code !== 'cancelled') this.joinError = error;
      return false;
    } finally {
      this.busy = undefined;
    }
  }

  /** Where there is no lobby, a failed join is told by a toast. */
  #toastJoinError(): void {
    if (!this.joinError || this.screen === 'lobby') return;
    this.tell('error', this.joinError.code, sentence(this.joinError));
  }
}
