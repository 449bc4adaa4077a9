import type { ArenaView } from '../generated/ArenaView';
import type { Command } from '../generated/Command';
import type { GamePlayer } from '../generated/GamePlayer';
import type { GamesView } from '../generated/GamesView';
import type { GameView } from '../generated/GameView';

const ME = 'me';
/** The arena and a step of a line, in eighths of a unit; a turn is a part of 1,024. */
const [WIDTH, HEIGHT, STEP] = [5120, 3200, 32];

export function noGames(change: Partial<GamesView> = {}): GamesView {
  return { me: ME, offers: [], game: null, sketch: null, ...change };
}

function player(
  peer: string,
  seat: number | null,
  score: number,
  change: Partial<GamePlayer> = {},
): GamePlayer {
  return { peer, score, gained: 0, seat, out: null, ...change };
}

export function game(change: Partial<GameView> = {}): GameView {
  return {
    id: '1',
    kind: 'curves',
    host: 'a',
    watching: false,
    phase: 'round',
    round: 3,
    target: 15,
    players: [
      player('a', 0, 7, { gained: 1 }),
      player(ME, 1, 5, { gained: 1 }),
      player('b', 2, 4, { out: { by: 'line', seat: 1 } }),
      player('c', 3, 9, { gained: 1 }),
    ],
    watchers: ['d'],
    stalled: false,
    ...change,
  };
}

/** Six lines that wander about, the same every time. */
export function arena(steps: number, tick = 180 + steps * 3): ArenaView {
  const starts = [
    [900, 700, 100],
    [4300, 2500, 560],
    [1200, 2600, 900],
    [3900, 600, 300],
  ] as const;
  const heads: ArenaView['heads'] = [];
  const lines = starts.map(([x0, y0, turn], seat) => {
    let [x, y, direction] = [x0 as number, y0 as number, turn as number];
    const line: number[] = [];
    for (let step = 0; step <= steps; step += 1) {
      // A gap now and then.
      if (step % 45 === 40) line.push(-1, -1);
      if (step % 45 < 40) line.push(Math.round(x), Math.round(y));
      const middle = Math.atan2(HEIGHT / 2 - y, WIDTH / 2 - x);
      const angle = (direction / 1024) * 2 * Math.PI;
      const aside = Math.sin(middle - angle);
      const far = Math.hypot(x - WIDTH / 2, y - HEIGHT / 2) > 1300;
      direction += far ? Math.sign(aside) * 24 : Math.sin(step / (7 + seat * 3) + seat) * 26;
      x += Math.cos(angle) * STEP;
      y += Math.sin(angle) * STEP;
    }
    heads.push(seat === 2 && steps > 0 ? null : [Math.round(x), Math.round(y), Math.round(direction)]);
    return line;
  });
  return { round: 3, tick, lines, ahead: lines.map(() => []), heads };
}

/** What a command makes of the games. */
export function inGames(games: GamesView, command: Command): GamesView | undefined {
  if (command.type !== 'game') return undefined;
  const asked = command.command;
  const lobby = (host: string, watching: boolean) =>
    game({
      host,
      watching,
      phase: 'lobby',
      round: 0,
      target: 0,
      players: watching ? [player(host, null, 0)] : [player(host, null, 0), player(ME, null, 0)],
      watchers: watching ? [ME] : [],
    });
  switch (asked.type) {
    case 'offer':
      return { ...games, game: { ...lobby(ME, false), players: [player(ME, null, 0)] } };
    case 'join':
      return { ...games, offers: [], game: lobby(games.offers[0]?.host ?? 'a', asked.watch) };
    case 'leave':
      return { ...games, game: null };
    default:
      return undefined;
  }
}
