import type { GameTurn, GameView } from '../core/core';
import type { ActivityKeys } from './activity';
import { isolated } from './format';
import { countdown, gameName, isYou, standing, told, turnKey, turnOf, winner } from './game';
import type { KeyPress } from './keys';
import type { Session } from './session.svelte';
import { list, t } from '../words';

/** What games reach outside their screen. */
export interface BesideGame {
  /** What somebody who is here is called. */
  nameOf: (id: string) => string;
  /** Others offer one: a sentence that says so. */
  offer: (message: string) => void;
}

/** What only the window knows of games: which keys are held, what was said of the scores. */
export class GameModel implements ActivityKeys {
  /** What a screen reader is told. */
  says = $state('');
  busy = $state(false);

  readonly #session: Session;
  readonly #beside: BesideGame;
  #followed: GameView | null | undefined;
  /** Offers that were told of. */
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- nobody watches it
  readonly #known = new Set<string>();
  /** What people were called when they were here. */
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- nobody watches it
  readonly #names = new Map<string, string>();
  #held: GameTurn[] = [];
  #turn: GameTurn = 'straight';

  constructor(session: Session, beside: BesideGame) {
    this.#session = session;
    this.#beside = beside;
  }

  readonly me = $derived.by(() => this.#session.games?.me ?? '');
  readonly offers = $derived.by(() => this.#session.games?.offers ?? []);
  readonly game = $derived.by(() => this.#session.games?.game ?? null);
  /** The arena changes with every picture; whoever reads it draws. */
  readonly arena = $derived.by(() => this.#session.arena);
  readonly standing = $derived.by(() => standing(this.game?.players ?? []));
  readonly own = $derived.by(() => this.game?.players.find(({ peer }) => peer === this.me));
  /** Our place in this round. */
  readonly seat = $derived.by(() => this.own?.seat ?? undefined);
  readonly hosting = $derived.by(() => this.game !== null && this.game.host === this.me);
  /** Whether our own line is out there. */
  readonly steering = $derived.by(
    () => this.game?.phase === 'round' && this.seat !== undefined && this.own?.out === null,
  );
  readonly countdown = $derived.by(() => {
    const { arena, game } = this;
    return arena && game?.phase === 'round' && arena.round === game.round ? countdown(arena.tick) : undefined;
  });
  /** Why nothing can be started yet. */
  readonly lacking = $derived.by(() => {
    const { game } = this;
    if (!game || game.players.length >= 2) return undefined;
    return t('games.lacking');
  });
  /** What stands over the arena, in a line or two. */
  readonly headline = $derived.by(() => {
    const { game } = this;
    if (!game) return '';
    if (game.phase === 'over') return winner(game, (id) => this.nameOf(id));
    if (game.phase === 'pause') {
      const best = game.players.filter(({ out, seat }) => seat !== null && out === null);
      return best.length === 1 && best[0]
        ? t('games.round_to', { you: isYou(this.nameOf(best[0].peer)), name: this.nameOf(best[0].peer) })
        : t('games.round_to_nobody');
    }
    if (game.phase === 'lobby')
      return game.round === 0 ? t('games.who_plays') : t('games.waiting_for_players');
    return '';
  });
  /** Why we do not steer. */
  readonly note = $derived.by(() => {
    const { game, own } = this;
    if (!game) return '';
    if (game.stalled) return t('games.stalled', { name: isolated(this.nameOf(game.host)) });
    if (game.phase !== 'round') return '';
    if (game.watching) return t('games.watching');
    if (this.seat === undefined) return t('games.next_round');
    return own?.out === null ? '' : t('games.out');
  });

  nameOf(id: string): string {
    if (id === this.me) return t('app.you');
    const name = this.#beside.nameOf(id);
    return this.#names.get(id) ?? name;
  }

  /** Games have changed. */
  follow(): void {
    const { game, offers } = this;
    for (const id of [...(game?.players ?? []).map(({ peer }) => peer), ...offers.map(({ host }) => host)]) {
      const here = this.#session.call?.participants.some((one) => one.id === id);
      if (here === true) this.#names.set(id, this.#beside.nameOf(id));
    }
    const says = told(this.#followed, game, (id) => this.nameOf(id));
    if (says.length > 0) this.says = says.join(' ');
    this.#followed = game;
    for (const { id, host, kind } of offers) {
      if (this.#known.has(id)) continue;
      this.#known.add(id);
      if (!game && !this.#session.games?.sketch) {
        this.#beside.offer(
          t('games.news_offer', { name: isolated(this.nameOf(host)), game: gameName(kind) }),
        );
      }
    }
    if (!this.steering) this.letGo();
  }

  // ── What a person does ───────────────────────────────────────────────────────────────────────────────────────

  async offer(): Promise<void> {
    await this.#ask({ type: 'offer', kind: 'curves' });
  }

  async join(game: string, watch: boolean): Promise<void> {
    if (this.offers.some(({ id, kind }) => id === game && kind === 'draw_and_guess')) {
      if (this.busy) return;
      this.busy = true;
      await this.#session.ask({ type: 'sketch', command: { type: 'join', game, watch } });
      this.busy = false;
      return;
    }
    await this.#ask({ type: 'join', game, watch });
  }

  async start(): Promise<void> {
    await this.#ask({ type: 'start' });
  }

  async leave(): Promise<void> {
    await this.#ask({ type: 'leave' });
  }

  async #ask(command: Parameters<typeof this.command>[0]): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    await this.command(command);
    this.busy = false;
  }

  command(command: Extract<Parameters<Session['ask']>[0], { type: 'game' }>['command']): Promise<boolean> {
    return this.#session.ask({ type: 'game', command });
  }

  /** Keys of ours while our line is out there; an arrow that repeats is still ours. */
  down({ key, ctrlKey, altKey, metaKey }: KeyPress): boolean {
    const turn = turnKey(key);
    if (!turn || ctrlKey || altKey || metaKey || !this.steering) return false;
    this.hold(turn);
    return true;
  }

  up({ key }: Pick<KeyPress, 'key' | 'target'>): boolean {
    const turn = turnKey(key);
    if (!turn || !this.#held.includes(turn)) return false;
    this.release(turn);
    return true;
  }

  /** A key or a finger goes down on this side. */
  hold(turn: GameTurn): void {
    if (!this.steering) return;
    this.#held = [...this.#held.filter((one) => one !== turn), turn];
    this.#steer();
  }

  release(turn: GameTurn): void {
    this.#held = this.#held.filter((one) => one !== turn);
    this.#steer();
  }

  /** The window or the game is left with a key down. */
  letGo(): void {
    this.#held = [];
    this.#steer();
  }

  #steer(): void {
    const turn = turnOf(this.#held);
    if (turn === this.#turn) return;
    this.#turn = turn;
    if (this.game) void this.command({ type: 'steer', turn });
  }

  /** Who plays, as a sentence. */
  players(ids: readonly string[]): string {
    return list(ids.map((id) => isolated(this.nameOf(id))));
  }
}
