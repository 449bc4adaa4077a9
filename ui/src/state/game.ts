import type { ArenaChange, ArenaView, GameKind, GamePlayer, GameTurn, GameView } from '../core/core';
import { t } from '../words';

/** What is played, as a title. */
export function gameName(kind: GameKind): string {
  return kind === 'curves' ? t('games.curves') : t('games.sketch');
}

/** Ticks a second, and those before the lines begin to move. */
export const TICKS_A_SECOND = 60;
export const COUNTDOWN = 180;
/** The arena, and lines in it, in the units of its coordinates. */
export const ARENA = { width: 640 * 8, height: 400 * 8, line: 4 * 8 } as const;
/** How far a head goes in a second, in the same units. */
export const SPEED = 80 * 8;
/** Directions in a full turn. */
export const FULL_TURN = 1024;

export type Mark = 'circle' | 'square' | 'triangle' | 'diamond' | 'bar' | 'cross';

/**
 * What tells lines apart: a colour, a pattern along its middle (lengths of dashes and gaps in line widths; none is a plain
 * line) and a mark at its head. Each alone is enough.
 */
export const SEATS: readonly { colour: string; name: string; dashes: readonly number[]; mark: Mark }[] = [
  {
    colour: '#4fc3b4',
    get name() {
      return t('games.seat_teal');
    },
    dashes: [],
    mark: 'circle',
  },
  {
    colour: '#f2b84b',
    get name() {
      return t('games.seat_amber');
    },
    dashes: [2, 2],
    mark: 'square',
  },
  {
    colour: '#ff8fb0',
    get name() {
      return t('games.seat_pink');
    },
    dashes: [0.5, 1.5],
    mark: 'triangle',
  },
  {
    colour: '#8fb8ff',
    get name() {
      return t('games.seat_blue');
    },
    dashes: [5, 1],
    mark: 'diamond',
  },
  {
    colour: '#e9eff1',
    get name() {
      return t('games.seat_white');
    },
    dashes: [1, 4],
    mark: 'bar',
  },
  {
    colour: '#c79bff',
    get name() {
      return t('games.seat_violet');
    },
    dashes: [4, 1, 1, 1],
    mark: 'cross',
  },
];

/** What one event makes of the arena. */
export function changedArena(arena: ArenaView | null, change: ArenaChange): ArenaView | null {
  switch (change.type) {
    case 'all':
      return change.arena;
    case 'frame': {
      if (!arena) return arena;
      const { tick, done, ahead, heads } = change;
      const lines = arena.lines.map((line, seat) => {
        const more = done[seat] ?? [];
        return more.length > 0 ? line.concat(more) : line;
      });
      return { ...arena, tick, lines, ahead, heads };
    }
    case 'checked':
      return arena;
  }
}

/** What is to be counted down, or `undefined` when the lines move. */
export function countdown(tick: number): number | undefined {
  return tick < COUNTDOWN ? Math.ceil((COUNTDOWN - tick) / TICKS_A_SECOND) : undefined;
}

/** Best first; those of one score stay as they sit. */
export function standing(players: readonly GamePlayer[]): readonly GamePlayer[] {
  return [...players].sort((one, other) => other.score - one.score);
}

/** Which keys are held, the last one last. */
export function turnOf(held: readonly GameTurn[]): GameTurn {
  return held.at(-1) ?? 'straight';
}

export function turnKey(key: string): Exclude<GameTurn, 'straight'> | undefined {
  switch (key.toLowerCase()) {
    case 'arrowleft':
    case 'a':
      return 'left';
    case 'arrowright':
    case 'd':
      return 'right';
    default:
      return undefined;
  }
}

export function points(count: number): string {
  return t('games.points', { count });
}

/** Whether a name is what we are called ourselves. */
export function isYou(name: string): 'yes' | 'no' {
  return name === t('app.you') ? 'yes' : 'no';
}

/** Who has won, as a sentence. */
export function winner(game: GameView, nameOf: (id: string) => string): string {
  const [first] = standing(game.players);
  if (!first) return t('games.nobody_won');
  const name = nameOf(first.peer);
  return t('games.won', { you: isYou(name), several: 'no', name, points: points(first.score) });
}

/** How somebody got out of a round, as a sentence. */
export function fate(player: GamePlayer, game: GameView, nameOf: (id: string) => string): string {
  const name = nameOf(player.peer);
  const you = isYou(name);
  const { out } = player;
  if (out?.by === 'wall') {
    return t('games.into_wall', { you, name });
  }
  if (out?.by === 'left') return t('games.left_round', { you, name });
  if (out?.by === 'line') {
    const other = game.players.find(({ seat }) => seat === out.seat);
    if (!other || other.peer === player.peer) {
      return t('games.into_own_line', { you, name });
    }
    const whose = nameOf(other.peer);
    return t('games.into_line', { you, name, whose, yours: isYou(whose) });
  }
  return '';
}

/** Who has the game now. */
export function hostSays(name: string): string {
  return t('games.hosts', { you: isYou(name), name });
}

/** What has to be said of a change to whoever does not see it. */
export function told(
  before: GameView | null | undefined,
  now: GameView | null | undefined,
  nameOf: (id: string) => string,
): string[] {
  if (!now) return before ? [t('games.over_for_you')] : [];
  if (before?.id !== now.id) return [];
  const says: string[] = [];
  if (now.host !== before.host) {
    const name = nameOf(now.host);
    says.push(hostSays(name));
  }
  if (now.round !== before.round) says.push(t('games.round_begins', { round: now.round }));
  const wasOut = (peer: string) =>
    now.round === before.round && (before.players.find((one) => one.peer === peer)?.out ?? null) !== null;
  const fallen = now.players.filter(({ peer, out }) => out !== null && !wasOut(peer));
  says.push(...fallen.map((player) => fate(player, now, nameOf)));
  const isOver = (game: GameView) => game.phase === 'pause' || game.phase === 'over';
  if (isOver(now) && (!isOver(before) || now.round !== before.round)) {
    const gained = standing(now.players).filter((player) => player.gained > 0);
    const scores = gained.map(({ peer, gained: more, score }) =>
      t('games.gained', { name: nameOf(peer), more, score }),
    );
    says.push(
      scores.length > 0
        ? t('games.round_over', { scores: scores.join(t('app.semicolon')) })
        : t('games.round_over_for_nobody'),
    );
    if (now.phase === 'over') says.push(winner(now, nameOf));
  }
  return says;
}
