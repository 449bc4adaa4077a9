import type {
  BoardElement,
  SheetChange,
  SheetStroke,
  SheetView,
  SketchPlayer,
  SketchView,
} from '../core/core';
import { isolated } from './format';
import { hostSays, isYou, points } from './game';
import { list, t } from '../words';

/** The sheet, in the board’s lengths. */
export const SHEET = { width: 8000, height: 6000 } as const;
/** What an offer may say, and what it says at first. */
export const ROUNDS = [1, 2, 3, 4, 5] as const;
export const SECONDS = [45, 60, 80, 120, 180] as const;
export const LANGUAGES = [
  { id: 'en', name: 'English' },
  { id: 'de', name: 'Deutsch' },
  { id: 'fr', name: 'Français' },
  { id: 'es', name: 'Español' },
] as const;
/** What stands for a letter that is not known. */
const UNKNOWN = '_';
/** So little time, in seconds, is said aloud. */
const LITTLE = 10;

/** What one event makes of the sheet. */
export function changedSheet(sheet: SheetView | null, change: SheetChange): SheetView | null {
  if (change.type === 'all') return change.sheet;
  if (!sheet) return sheet;
  if (change.type === 'strokes') {
    return { ...sheet, strokes: [...sheet.strokes.slice(0, change.keep), ...change.strokes] };
  }
  const { stroke } = change;
  if (!stroke) return { ...sheet, live: null };
  const before = sheet.live?.number === stroke.number ? sheet.live.points : [];
  const kept = before.slice(0, 3 * stroke.keep);
  return { ...sheet, live: { ...stroke, keep: 0, points: kept.concat(stroke.points) } };
}

/** The strokes that are to be seen: what comes before the sheet was wiped is not. */
export function visible(sheet: SheetView | null): SheetStroke[] {
  const strokes = sheet?.strokes ?? [];
  return strokes.slice(strokes.lastIndexOf(null) + 1).filter((stroke) => stroke !== null);
}

/** A stroke as the board’s painter takes it. */
export function element({ kind, style, points: list }: SheetStroke): BoardElement {
  return {
    author: '',
    passedOnBy: null,
    kind,
    page: null,
    frame: [0, 0, 1, 1],
    order: 0,
    style,
    points: list,
    natural: [1, 1],
    text: '',
    picture: null,
    live: null,
  };
}

/** For how many seconds more it is drawn. `now` in milliseconds since 1970. */
export function secondsLeft(game: SketchView, now: number): number | undefined {
  if (game.phase !== 'drawing' || game.beganAt === null) return undefined;
  return Math.max(0, Math.ceil(game.seconds - (now - game.beganAt) / 1000));
}

/** Whether this is a number of seconds that is said aloud. */
export function isSaid(left: number): boolean {
  return left === 30 || left === LITTLE;
}

/** The hint as whoever does not see it hears it: how many letters each word has, and which are known. */
export function spoken(hint: string): string {
  if (hint === '') return '';
  const words = hint.split(' ').map((word) => {
    const letters = [...word];
    const count = letters.filter((letter) => letter === UNKNOWN || /[\p{L}\p{N}]/u.test(letter)).length;
    const known = letters.flatMap((letter, at) =>
      letter === UNKNOWN ? [] : [t('games.letter_at', { letter, at: at + 1 })],
    );
    return [t('games.letters', { count }), ...known].join(t('app.comma'));
  });
  return words.length === 1
    ? (words[0] ?? '')
    : t('games.words_spoken', { count: words.length, words: words.join(t('app.semicolon')) });
}

/** Best first; those of one score stay in the order in which they draw. */
export function standing(players: readonly SketchPlayer[]): readonly SketchPlayer[] {
  return [...players].sort((one, other) => other.score - one.score);
}

/** Who has won, as a sentence. */
export function winner({ players }: SketchView, nameOf: (id: string) => string): string {
  const [first] = standing(players);
  if (!first) return t('games.nobody_won');
  const names = players.filter(({ score }) => score === first.score).map(({ peer }) => nameOf(peer));
  return t('games.won', {
    you: names.length === 1 ? isYou(names[0] ?? '') : 'no',
    several: names.length > 1 ? 'yes' : 'no',
    name: list(names),
    points: points(first.score),
  });
}

/** What the turn was worth, as a sentence. */
export function gains({ players }: SketchView, nameOf: (id: string) => string): string {
  const some = [...players]
    .filter(({ gained }) => gained > 0)
    .sort((one, other) => other.gained - one.gained);
  if (some.length === 0) return t('games.nobody_gains');
  return t('games.gains', {
    gains: some.map(({ peer, gained }) => `${nameOf(peer)} +${gained}`).join(t('app.comma')),
  });
}

/** What has to be said of a change to whoever does not see it. Guesses are a list of their own. */
export function told(
  before: SketchView | null | undefined,
  now: SketchView | null | undefined,
  nameOf: (id: string) => string,
): string[] {
  if (!now) return before ? [t('games.over_for_you')] : [];
  if (before?.id !== now.id) return [];
  const says: string[] = [];
  if (now.host !== before.host) {
    const name = nameOf(now.host);
    says.push(hostSays(name));
  }
  const another = now.drawer !== before.drawer || now.round !== before.round;
  const begins = now.phase === 'choosing' && (another || before.phase !== 'choosing');
  if (now.drawer !== null && begins) {
    const name = nameOf(now.drawer);
    says.push(t('games.draws_next', { you: isYou(name), name }));
  }
  if (now.phase === 'drawing' && now.hint !== before.hint) {
    says.push(
      now.word === null
        ? t('games.word_has', { letters: spoken(now.hint) })
        : before.hint === ''
          ? t('games.draw_word', { word: now.word })
          : '',
    );
  }
  const isOver = ({ phase }: SketchView) => phase === 'pause' || phase === 'over';
  if (
    now.phase === 'pause' &&
    (before.phase !== 'pause' || now.players.some(({ gained }, at) => gained !== before.players[at]?.gained))
  ) {
    const word = now.word === null ? t('games.turn_over') : t('games.word_was', { word: now.word });
    says.push(`${word} ${gains(now, nameOf)}`);
  }
  if (now.phase === 'over' && before.phase !== 'over') says.push(winner(now, nameOf));
  if (isOver(now) && !now.fair && before.fair && now.drawer !== null) says.push(unfair(now, nameOf));
  return says.filter((sentence) => sentence !== '');
}

/** What is to be said of a drawer whose program does not keep to the rules. */
export function unfair({ drawer }: SketchView, nameOf: (id: string) => string): string {
  return t('games.unfair', {
    who: drawer === null ? 'unknown' : 'known',
    name: drawer === null ? '' : isolated(nameOf(drawer)),
  });
}
