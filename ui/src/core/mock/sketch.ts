import type { Command } from '../generated/Command';
import type { GamesView } from '../generated/GamesView';
import type { SheetChange } from '../generated/SheetChange';
import type { SheetStroke } from '../generated/SheetStroke';
import type { SheetView } from '../generated/SheetView';
import type { SketchPlayer } from '../generated/SketchPlayer';
import type { SketchSaid } from '../generated/SketchSaid';
import type { SketchView } from '../generated/SketchView';

const ME = 'me';
const WORD = 'house';

function player(peer: string, score: number, change: Partial<SketchPlayer> = {}): SketchPlayer {
  return { peer, score, gained: 0, solved: false, next: false, ...change };
}

const said: SketchSaid[] = [
  { peer: 'b', verdict: 'wrong', text: 'tree' },
  { peer: 'c', verdict: 'wrong', text: 'a pencil?' },
  { peer: ME, verdict: 'wrong', text: 'barn' },
  { peer: 'b', verdict: 'right', text: null },
  { peer: ME, verdict: 'close', text: 'hose' },
];

export function sketch(change: Partial<SketchView> = {}): SketchView {
  return {
    id: '9',
    host: 'a',
    watching: false,
    phase: 'drawing',
    language: 'en',
    rounds: 3,
    seconds: 80,
    round: 2,
    players: [
      player('a', 312),
      player(ME, 268),
      player('b', 341, { solved: true }),
      player('c', 154),
      player('e', 0, { next: true }),
    ],
    watchers: ['d'],
    stalled: false,
    drawer: 'a',
    guessing: true,
    choices: [],
    beganAt: Date.now() - 41_000,
    hint: '_o___',
    word: null,
    said,
    fair: true,
    ...change,
  };
}

/** A game between two turns. */
export function counted(change: Partial<SketchView> = {}): SketchView {
  const players = sketch().players.map((one) => {
    const gained = { a: 60, b: 81, me: 44 }[one.peer] ?? 0;
    return { ...one, gained, score: one.score + gained };
  });
  return sketch({ phase: 'pause', guessing: false, word: WORD, players, ...change });
}

function stroke(
  number: number,
  color: string,
  corners: readonly [number, number][],
  width = 80,
): SheetStroke {
  const points = corners.flatMap(([x, y], at) => {
    const [toX, toY] = corners[at + 1] ?? [x, y];
    return Array.from({ length: 12 }, (_, step) => [
      Math.round(x + ((toX - x) * step) / 12 + 14 * Math.sin(step + at)),
      Math.round(y + ((toY - y) * step) / 12 + 14 * Math.cos(2 * step + at)),
      128,
    ]).flat();
  });
  const kind = width > 150 ? 'marker' : 'pen';
  return { number, kind, style: { color, fill: null, width, size: 240 }, points };
}

/** Half of a house, and somebody who draws on. */
export function sheet(): SheetView {
  const strokes = [
    stroke(
      1,
      '#156f41',
      [
        [700, 4900],
        [7300, 4950],
      ],
      400,
    ),
    stroke(2, '#161b1d', [
      [2500, 4700],
      [2500, 2700],
      [5400, 2700],
      [5400, 4700],
      [2500, 4700],
    ]),
    stroke(
      3,
      '#cf2619',
      [
        [2200, 2750],
        [3950, 1200],
        [5700, 2750],
      ],
      180,
    ),
    stroke(4, '#643004', [
      [3600, 4700],
      [3600, 3600],
      [4300, 3600],
      [4300, 4700],
    ]),
  ];
  const { points } = stroke(
    5,
    '#1864bd',
    [
      [4600, 3100],
      [5100, 3100],
      [5100, 3550],
      [4600, 3550],
    ],
    40,
  );
  const style = { color: '#1864bd', fill: null, width: 40, size: 240 };
  return { strokes, live: { number: 5, kind: 'pen', style, keep: 0, points } };
}

/** What a command makes of the games, and of the sheet. */
export function inSketch(
  games: GamesView,
  sheet: SheetView | null,
  command: Command,
): { games?: GamesView; change?: SheetChange } {
  if (command.type !== 'sketch') return {};
  const asked = command.command;
  const game = games.sketch;
  const lobby = (host: string, watching: boolean) => {
    const ids = watching ? [host] : [...new Set([host, ME])];
    const waits = { phase: 'lobby', round: 0, drawer: null, guessing: false, hint: '' } as const;
    const players = ids.map((id) => player(id, 0));
    return {
      ...games,
      offers: [],
      sketch: sketch({ ...waits, host, watching, players, watchers: [], said: [] }),
    };
  };
  switch (asked.type) {
    case 'offer': {
      const { language, rounds, seconds } = asked;
      const made = lobby(ME, false);
      return { games: { ...made, sketch: { ...made.sketch, language, rounds, seconds } } };
    }
    case 'join':
      return { games: lobby(games.offers[0]?.host ?? 'a', asked.watch) };
    case 'leave':
      return { games: { ...games, sketch: null }, change: { type: 'all', sheet: null } };
    case 'choose': {
      if (!game) return {};
      const word = game.choices[asked.word] ?? WORD;
      const drawn = { phase: 'drawing', word, hint: '_'.repeat(word.length) } as const;
      return { games: { ...games, sketch: { ...game, ...drawn, choices: [], beganAt: Date.now() } } };
    }
    case 'guess': {
      if (!game) return {};
      const right = asked.text.trim().toLowerCase() === WORD;
      const one: SketchSaid = { peer: ME, verdict: right ? 'right' : 'wrong', text: asked.text };
      const guessing = game.guessing && !right;
      return { games: { ...games, sketch: { ...game, guessing, said: [...game.said, one] } } };
    }
    case 'draw':
      return { change: { type: 'strokes', keep: sheet?.strokes.length ?? 0, strokes: [asked.stroke] } };
    case 'undo':
      return {
        change: { type: 'strokes', keep: Math.max(0, (sheet?.strokes.length ?? 0) - 1), strokes: [] },
      };
    case 'clear':
      return { change: { type: 'strokes', keep: sheet?.strokes.length ?? 0, strokes: [null] } };
    default:
      return {};
  }
}
