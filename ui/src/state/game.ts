import type { ArenaChange, ArenaView, GameKind, GamePlayer, GameTurn, GameView } from '../core/core';

/** What is played, as a title. */
export const GAMES: Record<GameKind, string> = { curves: 'Curves', draw_and_guess: 'Draw and guess' };

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
  { colour: '#4fc3b4', name: 'teal', dashes: [], mark: 'circle' },
  { colour: '#f2b84b', name: 'amber', dashes: [2, 2], mark: 'square' },
  { colour: '#ff8fb0', name: 'pink', dashes: [0.5, 1.5], mark: 'triangle' },
  { colour: '#8fb8ff', name: 'blue', dashes: [5, 1], mark: 'diamond' },
  { colour: '#e9eff1', name: 'white', dashes: [1, 4], mark: 'bar' },
  { colour: '#c79bff', name: 'violet', dashes: [4, 1, 1, 1], mark: 'cross' },
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
  return count === 1 ? '1 point' : `${count} points`;
}

/** Several names as a person says them. */
export function together(names: readonly string[]): string {
  if (names.length < 2) return names.join('');
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1) ?? ''}`;
}

/** Who has won, as a sentence. */
export function winner(game: GameView, nameOf: (id: string) => string): string {
  const [first] = standing(game.players);
  if (!first) return 'Nobody has won.';
  const name = nameOf(first.peer);
  return `${name} ${name === 'You' ? 'have' : 'has'} won with ${points(first.score)}.`;
}

/** How somebody got out of a round, as a sentence. */
export function fate(player: GamePlayer, game: GameView, nameOf: (id: string) => string): string {
  const who = nameOf(player.peer);
  const [are, own] = who === 'You' ? ['are', 'your own'] : ['is', 'their own'];
  const { out } = player;
  if (out?.by === 'wall') return `${who} ${are} out: into the wall.`;
  if (out?.by === 'left') return `${who} left the round.`;
  if (out?.by === 'line') {
    const whose = game.players.find(({ seat }) => seat === out.seat);
    if (!whose || whose.peer === player.peer) return `${who} ${are} out: into ${own} line.`;
    const name = nameOf(whose.peer);
    return `${who} ${are} out: into ${name === 'You' ? 'your' : `${name}'s`} line.`;
  }
  return '';
}

/** What has to be said of a change to whoever does not see it. */
export function told(
  before: GameView | null | undefined,
  now: GameView | null | undefined,
  nameOf: (id: string) => string,
): string[] {
  if (!now) return before ? ['The game is over for you.'] : [];
  if (before?.id !== now.id) return [];
  const says: string[] = [];
  if (now.host !== before.host) {
    const name = nameOf(now.host);
    says.push(name === 'You' ? 'You host the game now.' : `${name} hosts the game now.`);
  }
  if (now.round !== before.round) says.push(`Round ${now.round}.`);
  const wasOut = (peer: string) =>
    now.round === before.round && (before.players.find((one) => one.peer === peer)?.out ?? null) !== null;
  const fallen = now.players.filter(({ peer, out }) => out !== null && !wasOut(peer));
  says.push(...fallen.map((player) => fate(player, now, nameOf)));
  const isOver = (game: GameView) => game.phase === 'pause' || game.phase === 'over';
  if (isOver(now) && (!isOver(before) || now.round !== before.round)) {
    const gained = standing(now.players).filter((player) => player.gained > 0);
    const scores = gained.map(({ peer, gained: more, score }) => `${nameOf(peer)} +${more}, ${score} in all`);
    says.push(`The round is over. ${scores.join('; ')}${scores.length > 0 ? '.' : 'Nobody gets a point.'}`);
    if (now.phase === 'over') says.push(winner(now, nameOf));
  }
  return says;
}
