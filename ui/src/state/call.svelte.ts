import type { CallView, Participant, Reaction } from '../core/core';
import type { Corner } from '../layout/corner';
import { ACTIVITIES, type Activity, type ActivityKeys } from './activity';
import { utcOffset } from './chat';
import { ChatModel } from './chat.svelte';
import { FilesModel } from './files.svelte';
import { aloneCard, banner, statusSays } from './call-status';
import { GameModel } from './game.svelte';
import { clock, displayName, isolated } from './format';
import { IdleWatch } from './idle';
import { actionOf, isTextField, PushToTalk, usesSpace, type Action, type KeyPress } from './keys';
import { news } from './news';
import type { PanelView } from './panel';
import { hands, headcount, listed, Names, type Label } from './people';
import { PointingModel } from './pointing.svelte';
import { REACTIONS, type Shown } from './reactions.svelte';
import type { Session } from './session.svelte';
import { ShareModel } from './share.svelte';
import { SketchModel } from './sketch.svelte';
import { ActiveSpeaker, SPEAKING } from './speaker';
import { defaultMode, OWN_SCREEN, SELF, stage, tilesOf, type LayoutMode } from './stage';
import { NOTHING_YET, prove, steps } from './test-call';
import { callTitle } from './title';
import { roomTrust } from './trust';
import { t } from '../words';

/** What the call's keys and menus reach outside it. */
export interface Around {
  openSettings: () => void;
  openKeys: () => void;
  toggleFullScreen: () => void;
}

/** In the clock and the hands, a second is what a person reads. */
export const TICK_MS = 1_000;

/** So long after the safety number changed, nobody can have read it. */
const SETTLING_MS = 1_000;

/**
 * What only the call's screen knows: who is looked at, what is open, whether the controls are shown. Time comes in by
 * `tick`, sound by `hear`, what changed of the call by `follow`; nothing in here knows how anything looks.
 */
export class CallModel {
  /** Of the stage, in CSS pixels. */
  width = $state(0);
  height = $state(0);

  /** Where the floating self-view rests. */
  corner = $state<Corner>('bottom-right');
  /** What is open beside the call. */
  panel = $state<PanelView>();
  /** What has the large place instead of people, on this stage alone. */
  activity = $state<Activity>();
  /** Where others do something that is not looked at here. */
  going = $state.raw<readonly Activity[]>([]);
  /** The keys of the activity that is shown; set by its view. */
  activityKeys: ActivityKeys | undefined;
  /** Whether the person chose to wait after the other had left. */
  waiting = $state(false);
  /** A dialog of the window is open: its keys are its own. */
  covered = $state(false);
  /** A menu of the dock is open, or the focus is in it; the focus is in the status row. */
  held = $state(false);
  heldAbove = $state(false);
  idle = $state(false);
  fullScreen = $state(false);

  #chosenMode = $state<LayoutMode>();
  /** What was chosen while a screen is shared: it counts for that share only, and what was before comes back after it. */
  #chosenFor = $state.raw<{ share: string; mode: LayoutMode }>();
  #pinned = $state<string>();
  #active = $state.raw<string>();
  #page = $state(0);
  #now = $state(0);
  #proof = $state.raw(NOTHING_YET);

  readonly #session: Session;
  readonly #call: () => CallView;
  readonly #around: Around;
  readonly #speaker = new ActiveSpeaker();
  readonly #watch = new IdleWatch((quiet) => (this.idle = quiet));
  readonly #talk: PushToTalk;
  readonly chat: ChatModel;
  readonly share: ShareModel;
  readonly pointing: PointingModel;
  readonly files: FilesModel;
  /** An address of the chat that was pressed: it is shown before it is opened. */
  link = $state<string>();
  readonly game: GameModel;
  readonly sketch: SketchModel;
  readonly #names = new Names();
  /** How loud somebody was before they were muted here. */
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- nobody watches it
  readonly #volumes = new Map<string, number>();
  #followed: CallView | undefined;
  /** When the safety number changed last. */
  #renumbered = -Infinity;

  constructor(session: Session, call: () => CallView, around: Around) {
    this.#session = session;
    this.#call = call;
    this.#around = around;
    this.share = new ShareModel(session);
    this.pointing = new PointingModel(session);
    const beside = {
      nameOf: (id: string) => (this.ids.includes(id) ? this.nameOf(id) : undefined),
      open: () => (this.panel = 'chat'),
    };
    this.chat = new ChatModel(session, beside);
    this.files = new FilesModel(session, beside);
    this.game = new GameModel(session, {
      nameOf: (id) => this.nameOf(id),
      offer: (message) => this.offer('game', message),
    });
    this.sketch = new SketchModel(session, {
      nameOf: (id) => this.nameOf(id),
      now: () => Date.now(),
      after: (callback, ms) => {
        const timer = setTimeout(callback, ms);
        return () => clearTimeout(timer);
      },
    });
    this.#talk = new PushToTalk(
      // With no microphone chosen there is nothing to hold the key for.
      () => session.microphone.on || !session.preview?.microphone.chosen,
      (on) => void session.setMicrophone(on),
    );
  }

  // ── Who is here ──────────────────────────────────────────────────────────────────────────────────────────────

  readonly ids = $derived.by(() => this.#call().participants.map(({ id }) => id));
  readonly alone = $derived(this.ids.length === 0);
  readonly #labels = $derived.by(() => this.#names.of(this.#call().participants));
  /** Everybody else, as they are listed. */
  readonly people = $derived.by(() => listed(this.#call()));
  readonly count = $derived.by(() => headcount(this.#call()));
  /** The place in the order of raised hands, by id; our own by `SELF`. */
  readonly hands = $derived.by(() => hands(this.#call()));
  readonly trust = $derived.by(() => roomTrust(this.#call()));

  /** What somebody is called here: whoever has somebody else's name has a number behind it. */
  nameOf(id: string): string {
    const { name, mark } = this.labelOf(id);
    return name + mark;
  }

  /** The same in two parts, for where it may be cut off. */
  labelOf(id: string): Label {
    return this.#labels.get(id) ?? { name: displayName(''), mark: '' };
  }

  // ── The stage ────────────────────────────────────────────────────────────────────────────────────────────────

  readonly #tiles = $derived.by(() => tilesOf(this.#call().participants, this.share.shared !== undefined));
  /** The screen that somebody shares; of several, that of whoever came last. */
  readonly #share = $derived(
    this.#tiles.filter(({ peer, source }) => source === 'screen' && peer !== SELF).at(-1)?.key,
  );
  readonly pin = $derived(
    this.#tiles.some(({ key }) => key === this.#pinned) || this.#pinned === SELF ? this.#pinned : undefined,
  );
  // Pinning somebody is asking to see them large, and sharing a screen is asking to be looked at.
  readonly mode = $derived.by((): LayoutMode => {
    if (this.pin !== undefined) return 'spotlight';
    if (this.#share === undefined) return this.#chosenMode ?? defaultMode(this.ids.length);
    return this.#chosenFor?.share === this.#share ? this.#chosenFor.mode : 'spotlight';
  });
  readonly size = $derived({ width: this.width, height: this.height });
  readonly shown = $derived(
    stage(this.size, this.#tiles, {
      mode: this.mode,
      focus: this.pin ?? this.#share ?? this.#active,
      speaker: this.#active,
      page: this.#page,
      panel: this.panel !== undefined,
      activity: this.activity !== undefined,
    }),
  );
  readonly selfPlace = $derived(this.shown.places.find(({ key }) => key === SELF));
  /** Where the card stands that says what we share. */
  readonly sharePlace = $derived(this.shown.places.find(({ key }) => key === OWN_SCREEN));
  /** Whether our own picture stands anywhere. */
  readonly selfShown = $derived(this.selfPlace !== undefined || this.shown.floatingSelf);
  /** Reactions of people who have no tile on the stage now. */
  readonly offstage = $derived.by((): readonly Shown[] =>
    this.#session.reactions.list.filter(({ peer }) =>
      peer === null ? !this.selfShown : !this.shown.places.some((place) => place.peer === peer),
    ),
  );

  /** Whoever speaks now and has no tile on the stage: on another page, or behind “more”. */
  readonly speaking = $derived.by(() => {
    const id = this.#active;
    if (id === undefined || this.shown.places.some((place) => place.peer === id)) return undefined;
    return (this.#session.levels?.participants[id] ?? 0) > SPEAKING ? id : undefined;
  });

  // ── What is to be read ───────────────────────────────────────────────────────────────────────────────────────

  readonly title = $derived.by(() => callTitle(this.#call()));
  readonly status = $derived.by(() => statusSays(this.#call(), (id) => this.nameOf(id)));
  readonly banner = $derived.by(() => banner(this.#call()));
  readonly card = $derived.by(() => aloneCard(this.#call(), this.waiting));
  /** Whether somebody has come into the room that the code leads to. */
  readonly inside = $derived.by(() => !['joining', 'knocking'].includes(this.#call().phase));
  readonly canInvite = $derived.by(() => !this.#call().test && this.inside);
  /** Whoever stands in for a person in a test call reads nothing. */
  readonly canChat = $derived.by(() => this.inside && !this.#call().test);
  /** What there is to do together; whoever stands in for a person in a test call does nothing. */
  readonly activities = $derived.by(() => (this.inside && !this.#call().test ? ACTIVITIES : []));
  /** Whoever stands in for a person in a test call looks at nothing. */
  readonly canShare = $derived.by(() => this.inside && !this.#call().test);
  /** What was written and offered, and nobody here has looked at. */
  readonly unread = $derived.by(() => this.chat.unread + this.files.unread);
  /** What is said of so many files that are dropped now: whom they are for; `undefined`: nobody takes any. */
  dropSays(count: number): string | undefined {
    if (!this.canChat) return undefined;
    const { to } = this.chat;
    return to === undefined
      ? t('files.drop_everybody', { count })
      : t('files.drop_one', { count, name: isolated(this.nameOf(to)) });
  }
  readonly handUp = $derived.by(() => this.#call().hand !== null);
  /** Controls that hide behind a dialog, or while nobody is there to look at, would only be looked for. */
  readonly controls = $derived(
    !this.idle ||
      this.held ||
      this.heldAbove ||
      this.alone ||
      this.covered ||
      this.panel !== undefined ||
      // Whoever draws or steers wants nothing around it to come and go.
      this.activity !== undefined,
  );
  /** In full screen the pictures take the rows of what is hidden; in a window nothing moves. */
  readonly grown = $derived(this.fullScreen && !this.controls);
  /** How long the call has lasted. Nothing runs while nobody else is here. */
  readonly clock = $derived.by(() => {
    const { connectedSince } = this.#call();
    if (connectedSince === null || this.alone) return undefined;
    return clock((this.#now - connectedSince) / 1_000);
  });
  /** How long we have recorded; `undefined`: we do not. */
  readonly recording = $derived.by(() => {
    const since = this.#call().recording;
    return since === null ? undefined : clock(Math.max(0, this.#now - since) / 1_000);
  });
  /** Who else records, as they are called here. */
  readonly recorders = $derived.by(() =>
    this.#call()
      .participants.filter(({ records }) => records)
      .map(({ id }) => isolated(this.nameOf(id))),
  );
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

  /** The call has changed: what nobody may miss is said. `now` in milliseconds of any clock. */
  follow(now: number): void {
    const call = this.#call();
    const before = this.#followed?.safety?.digits;
    if (before !== undefined && before !== call.safety?.digits) this.#renumbered = now;
    for (const { kind, code, message } of news(this.#followed, call, (id) => isolated(this.nameOf(id)))) {
      this.#session.tell(kind, code, message);
    }
    // Somebody came: who leaves next is told of anew.
    if (call.participants.length > 0) this.waiting = false;
    this.#followed = call;
  }

  /** The chat has changed, or is looked at. `now` in milliseconds since the Unix epoch. */
  followChat(now: number): void {
    this.chat.follow(this.panel === 'chat', now);
  }

  /** Somebody draws, or does not any more. */
  followBoard(): void {
    const [first] = this.#session.board.drawing;
    if (first !== undefined)
      this.offer('board', t('board.somebody_draws', { name: isolated(this.nameOf(first)) }));
  }

  /** The files have changed, or are looked at. `now` in milliseconds since the Unix epoch. */
  followFiles(now: number): void {
    this.files.follow(this.panel === 'chat' || this.panel === 'files', now);
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
    if (this.activity !== undefined) {
      this.activity = undefined;
      return;
    }
    const mode = this.mode === 'grid' ? 'spotlight' : 'grid';
    if (this.#share === undefined) this.#chosenMode = mode;
    else this.#chosenFor = { share: this.#share, mode };
    this.#pinned = undefined;
  }

  /** By a tile's key. Over an activity it always means to look at somebody. */
  togglePin(key: string): void {
    this.#pinned = this.pin === key && this.activity === undefined ? undefined : key;
    this.activity = undefined;
  }

  /** Puts it on the stage, or everybody's tiles back. */
  toggleActivity(id: Activity): void {
    if (!this.activities.some((one) => one.id === id)) return;
    this.activity = this.activity === id ? undefined : id;
    this.going = this.going.filter((one) => one !== this.activity);
    if (this.activity !== undefined) this.#session.toasts.retire(`activity_${this.activity}`);
  }

  /** Others have begun something: said once, until it was looked at. `message` is a sentence. */
  offer(id: Activity, message: string): void {
    if (this.activity === id || this.going.includes(id)) return;
    this.going = [...this.going, id];
    this.#session.toasts.show(
      { kind: 'info', code: `activity_${id}`, message },
      { label: t('app.show'), button: true, run: () => this.activity !== id && this.toggleActivity(id) },
    );
  }

  /** Turns pages: -1 or 1. */
  turn(by: number): void {
    const { page, pages } = this.shown;
    this.#page = Math.min(Math.max(0, page + by), pages - 1);
  }

  toggle(view: PanelView): void {
    // At the door there is nobody yet whom it could show.
    if (!this.inside || ((view === 'chat' || view === 'files') && !this.canChat)) return;
    this.panel = this.panel === view ? undefined : view;
  }

  toggleMicrophone(): void {
    this.#talk.forget();
    this.#session.switchOver('microphone');
  }

  /** Whoever shares stops; whoever does not is asked what. */
  toggleShare(): void {
    if (this.canShare) this.share.toggle();
  }

  /** Where nobody shares anything there is nothing to point at. */
  togglePointing(): void {
    if (this.#share !== undefined) this.pointing.toggle();
  }

  /** Lets the person choose what to send; it waits in the chat until they send it. */
  sendFiles(folders = false): void {
    if (this.canChat) void this.#session.outbox.choose(folders);
  }

  /** What is sent with a press: what was written, and the files beside it. */
  async send(): Promise<void> {
    const { outbox } = this.#session;
    const { editing, orphaned, to, draft } = this.chat;
    await this.chat.send();
    // Whoever changes a message sends no files with it, and files do not go ahead of words that were refused.
    const refused = draft.trim() !== '' && this.chat.draft === draft;
    if (outbox.empty || editing || refused) return;
    // What was for one who left goes to nobody else.
    if (orphaned) this.chat.tellOrphaned();
    else await outbox.send(to);
  }

  toggleHand(): void {
    if (this.inside && !this.#call().test) void this.#session.ask({ type: 'set_hand', on: !this.handUp });
  }

  toggleRecording(): void {
    if (!this.inside) return;
    const on = this.recording === undefined;
    // eslint-disable-next-line svelte/prefer-svelte-reactivity -- nobody watches it
    const offset = utcOffset(new Date());
    void this.#session.ask(
      on ? { type: 'start_recording', file: null, utcOffset: offset } : { type: 'stop_recording' },
    );
  }

  react(reaction: Reaction): void {
    if (!this.alone) void this.#session.ask({ type: 'react', reaction });
  }

  toggleLock(): void {
    if (this.canInvite) void this.#session.ask({ type: 'set_lock', on: !this.#call().locked });
  }

  letIn(peer: string): void {
    void this.#session.ask({ type: 'let_in', peer });
  }

  refuse(peer: string): void {
    void this.#session.ask({ type: 'refuse', peer });
  }

  /**
   * “They match”, of one person or of everybody (`null`). `now` on the clock of `follow`: a press that was meant for the
   * number before, because somebody came in that moment, counts for nothing.
   */
  matches(peer: string | null, now: number): void {
    if (now - this.#renumbered >= SETTLING_MS) this.setVerified(peer, true);
  }

  setVerified(peer: string | null, on: boolean): void {
    void this.#session.ask({ type: 'set_verified', peer, on });
  }

  setVolume(peer: string, volume: number): void {
    void this.#session.ask({ type: 'set_volume', peer, volume });
  }

  /** Silence for us only; afterwards they are as loud as they were. */
  toggleMutedHere({ id, volume }: Participant): void {
    if (volume > 0) this.#volumes.set(id, volume);
    this.setVolume(id, volume > 0 ? 0 : (this.#volumes.get(id) ?? 1));
  }

  #letInFirst(): void {
    const [first] = this.#call().knocks;
    if (first) this.letIn(first.id);
  }

  #act(action: Action): void {
    switch (action) {
      case 'microphone':
        return this.toggleMicrophone();
      case 'camera':
        return this.#session.switchOver('camera');
      case 'share':
        return this.toggleShare();
      case 'point':
        return this.togglePointing();
      case 'push-to-talk':
        return this.#talk.press();
      case 'chat':
        return this.toggle('chat');
      case 'people':
        return this.toggle('people');
      case 'files':
        return this.toggle('files');
      case 'send-files':
        return this.sendFiles();
      case 'safety':
        return this.toggle('safety');
      case 'statistics':
        return this.toggle('statistics');
      case 'record':
        return this.toggleRecording();
      case 'hand':
        return this.toggleHand();
      case 'let-in':
        return this.#letInFirst();
      case 'lock':
        return this.toggleLock();
      case 'layout':
        return this.changeLayout();
      case 'previous-page':
        return this.turn(-1);
      case 'next-page':
        return this.turn(1);
      case 'full-screen':
        return this.#around.toggleFullScreen();
      case 'help':
        return this.#around.openKeys();
      case 'board':
        return this.toggleActivity('board');
      case 'game':
        return this.toggleActivity('game');
      case 'close':
        // One thing at a time, the uppermost first.
        if (this.panel !== undefined) this.panel = undefined;
        else this.activity = undefined;
        return;
      default: {
        const wanted = REACTIONS[Number(action.slice('reaction-'.length))];
        if (wanted) this.react(wanted.reaction);
      }
    }
  }

  /** Says whether the page must do nothing else with this key. */
  keyDown(press: KeyPress): boolean {
    this.moved();
    if (this.#isActivitys(press) && this.activityKeys?.down(press) === true) return true;
    const space = press.key === ' ' && !usesSpace(press.target);
    const action = actionOf(press);
    // Over the call a dialog has its own keys. Talking goes on: numbers are compared aloud.
    if (action && (action === 'push-to-talk' || !this.covered)) {
      this.#act(action);
      return action !== 'close';
    }
    // A held Space repeats: neither may the page scroll by it, nor the button that has the focus be pressed.
    return space;
  }

  keyUp(press: Pick<KeyPress, 'key' | 'target'>): boolean {
    // A key that went down in the activity may go up anywhere.
    if (this.activity !== undefined && this.activityKeys?.up(press) === true) return true;
    if (press.key !== ' ') return false;
    const talked = this.#talk.held;
    this.#talk.release();
    return talked || !usesSpace(press.target);
  }

  /** Not while a dialog is over the call, and not where something is written or listed. */
  #isActivitys({ target }: KeyPress): boolean {
    if (this.activity === undefined || this.covered || isTextField(target)) return false;
    return !(target instanceof HTMLElement && target.closest('aside, [role="menu"]') !== null);
  }
}
