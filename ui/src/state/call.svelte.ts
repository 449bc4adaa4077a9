import type { CallView } from '../core/core';
import type { Corner } from '../layout/corner';
import { aloneCard, banner } from './call-status';
import { clock } from './format';
import { IdleWatch } from './idle';
import { actionOf, PushToTalk, usesSpace, type Action, type KeyPress } from './keys';
import type { Session } from './session.svelte';
import { ActiveSpeaker } from './speaker';
import { defaultMode, SELF, stage, type LayoutMode } from './stage';
import { NOTHING_YET, prove, steps } from './test-call';
import { callTitle } from './title';

/** What is opened over the call. */
export type Sheet = 'safety' | 'invite';

/** What the call's keys and menus reach outside it. */
export interface Around {
  openSettings: () => void;
  openKeys: () => void;
  toggleFullScreen: () => void;
}

/** Between the tiles and the window's edge. */
const EDGE = 12;
/** In the statistics and the clock, a second is what a person reads. */
export const TICK_MS = 1_000;

/**
 * What only the call's screen knows: who is looked at, what is open, whether the controls are shown. Time comes in by
 * `tick`, sound by `hear`; nothing in here knows how anything looks.
 */
export class CallModel {
  /** Of the stage, in CSS pixels. */
  width = $state(0);
  height = $state(0);
  /** How much of the stage's lower edge the controls take, and of its upper edge the clock and the banner. */
  below = $state(88);
  above = $state(0);

  /** Where the floating self-view rests. */
  corner = $state<Corner>('bottom-right');
  statistics = $state(false);
  sheet = $state<Sheet>();
  /** Whether the person chose to wait after the other had left. */
  waiting = $state(false);
  /** A dialog of the window is open: its keys are its own. */
  covered = $state(false);
  /** A menu is open, or the focus is on the controls. */
  held = $state(false);
  idle = $state(false);

  #chosenMode = $state<LayoutMode>();
  #pinned = $state<string>();
  #active = $state.raw<string>();
  #now = $state(0);
  #proof = $state.raw(NOTHING_YET);

  readonly #session: Session;
  readonly #call: () => CallView;
  readonly #around: Around;
  readonly #speaker = new ActiveSpeaker();
  readonly #watch = new IdleWatch((quiet) => (this.idle = quiet));
  readonly #talk: PushToTalk;

  constructor(session: Session, call: () => CallView, around: Around) {
    this.#session = session;
    this.#call = call;
    this.#around = around;
    this.#talk = new PushToTalk(
      // With no microphone chosen there is nothing to hold the key for.
      () => session.microphone.on || !session.preview?.microphone.chosen,
      (on) => void session.setMicrophone(on),
    );
  }

  readonly ids = $derived.by(() => this.#call().participants.map(({ id }) => id));
  readonly alone = $derived(this.ids.length === 0);
  readonly pin = $derived(
    this.#pinned !== undefined && this.ids.includes(this.#pinned) ? this.#pinned : undefined,
  );
  // Pinning somebody is asking to see them large.
  readonly mode = $derived(
    this.pin !== undefined ? 'spotlight' : (this.#chosenMode ?? defaultMode(this.ids.length)),
  );
  /** One person fills the stage to its edges. Several leave room for what else is on it: it would lie on somebody, and
   *  tiles that make way whenever the controls come would move. */
  readonly full = $derived(this.mode === 'spotlight' && this.ids.length <= 1);
  readonly inset = $derived({
    top: this.full ? 0 : Math.max(EDGE, this.above),
    side: this.full ? 0 : EDGE,
    bottom: this.full ? 0 : Math.max(EDGE, this.below),
  });
  readonly size = $derived({
    width: Math.max(0, this.width - 2 * this.inset.side),
    height: Math.max(0, this.height - this.inset.top - this.inset.bottom),
  });
  readonly shown = $derived(stage(this.size, this.ids, this.mode, this.pin ?? this.#active));
  readonly selfPlace = $derived(this.shown.places.find(({ id }) => id === SELF));

  readonly title = $derived.by(() => callTitle(this.#call()));
  readonly banner = $derived.by(() => banner(this.#call()));
  readonly card = $derived.by(() => aloneCard(this.#call(), this.waiting));
  readonly canVerify = $derived.by(() => this.#call().participants.some(({ safety }) => safety !== null));
  readonly canInvite = $derived.by(() => !this.#call().test && this.#call().phase !== 'joining');
  /** Controls that hide behind a dialog, or while nobody is there to look at, would only be looked for. */
  readonly controls = $derived(
    !this.idle || this.held || this.alone || this.covered || this.statistics || this.sheet !== undefined,
  );
  /** How long the call has lasted. Nothing runs while nobody else is here. */
  readonly clock = $derived.by(() => {
    const { connectedSince } = this.#call();
    if (connectedSince === null || this.alone) return undefined;
    return clock((this.#now - connectedSince) / 1_000);
  });
  /** What to do in a test call. */
  readonly steps = $derived.by(() => {
    const { preview } = this.#session;
    return this.#call().test && preview && !this.alone ? steps(this.#proof, preview) : [];
  });

  // ── What happens ─────────────────────────────────────────────────────────────────────────────────────────────

  /** Milliseconds since the Unix epoch. */
  tick(now: number): void {
    this.#now = now;
  }

  /** Levels have come. `now` in milliseconds of any clock. */
  hear(now: number): void {
    const { levels, preview, statistics } = this.#session;
    const of = levels?.participants ?? {};
    // Only the others: nobody wants to look at themselves for talking.
    // eslint-disable-next-line svelte/prefer-svelte-reactivity -- an argument, and nobody's state
    this.#active = this.#speaker.update(now, new Map(this.ids.map((id) => [id, of[id] ?? 0])));
    const [partner] = this.ids;
    if (!this.#call().test || partner === undefined || !preview) return;
    this.#proof = prove(this.#proof, {
      fps: statistics?.participants[partner]?.receivedFps ?? 0,
      level: levels?.microphone ?? 0,
      sending: this.#session.sends('microphone'),
      echo: of[partner] ?? 0,
    });
  }

  /** Somebody came: who leaves next is told of anew. */
  met(): void {
    this.waiting = false;
  }

  /** The mouse, a finger or a key. */
  moved(): void {
    this.#watch.moved();
  }

  /** The screen is left. Whoever leaves a call with the key down must not come back talking. */
  end(): void {
    this.#watch.stop();
    this.#talk.release();
  }

  letGo(): void {
    this.#talk.release();
  }

  // ── What a person does ───────────────────────────────────────────────────────────────────────────────────────

  changeLayout(): void {
    this.#chosenMode = this.mode === 'grid' ? 'spotlight' : 'grid';
    this.#pinned = undefined;
  }

  togglePin(id: string): void {
    this.#pinned = this.pin === id ? undefined : id;
  }

  toggleStatistics(): void {
    this.statistics = !this.statistics;
  }

  toggleMicrophone(): void {
    this.#talk.forget();
    this.#session.switchOver('microphone');
  }

  readonly #act: Record<Action, () => void> = {
    microphone: () => this.toggleMicrophone(),
    camera: () => this.#session.switchOver('camera'),
    'push-to-talk': () => this.#talk.press(),
    layout: () => this.changeLayout(),
    'full-screen': () => this.#around.toggleFullScreen(),
    statistics: () => this.toggleStatistics(),
    help: () => this.#around.openKeys(),
    close: () => (this.statistics = false),
  };

  /** Says whether the page must do nothing else with this key. */
  keyDown(press: KeyPress): boolean {
    this.moved();
    const space = press.key === ' ' && !usesSpace(press.target);
    const action = actionOf(press);
    // Over the call a dialog has its own keys. Talking goes on: numbers are compared aloud.
    if (action && (action === 'push-to-talk' || !(this.covered || this.sheet !== undefined))) {
      this.#act[action]();
      return action !== 'close';
    }
    // A held Space repeats: neither may the page scroll by it, nor the button that has the focus be pressed.
    return space;
  }

  keyUp(press: Pick<KeyPress, 'key' | 'target'>): boolean {
    if (press.key !== ' ') return false;
    const talked = this.#talk.held;
    this.#talk.release();
    return talked || !usesSpace(press.target);
  }
}
