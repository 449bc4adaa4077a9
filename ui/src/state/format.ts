import { ago, date, list, t } from '../words';

/** `1:02:03`, `4:05`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const h = Math.floor(whole / 3600);
  const m = Math.floor((whole % 3600) / 60);
  const s = String(whole % 60).padStart(2, '0');
  return h > 0 ? `${h}:${String(m).padStart(2, '0')}:${s}` : `${m}:${s}`;
}

/** `23 s`, `12 min`, `1 h 5 min`: how long a call was, to the minute that is nearest. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return t('app.seconds', { seconds: whole });
  const minutes = Math.round(whole / 60);
  if (minutes < 60) return t('app.minutes', { minutes });
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
  if (rest === 0) return t('app.hours', { hours });
  return t('app.hours_and_minutes', { hours, minutes: rest });
}

/** `1 file`, `3 files`. */
export function filesSay(count: number): string {
  return t('files.count', { count });
}

/** `1 person`, `4 people`. */
export function people(count: number): string {
  return t('call.people_count', { count });
}

/** When a call was, for the list of recent calls. */
export function when(at: number, now: number): string {
  const seconds = Math.max(0, (now - at) / 1000);
  if (seconds < 60) return t('app.just_now');
  if (seconds < 3_600) return ago(Math.floor(seconds / 60), 'minute');
  if (seconds < 86_400) return ago(Math.floor(seconds / 3_600), 'hour');
  return date(at, { day: 'numeric', month: 'short' });
}

/** One or two letters for somebody whose camera is off. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/u).filter(Boolean);
  const [first] = words;
  if (!first) return '?';
  const last = words.length > 1 ? words[words.length - 1] : undefined;
  return [first, last]
    .map((word) => firstLetter(word ?? ''))
    .join('')
    .toUpperCase();
}

function firstLetter(word: string): string {
  return word.match(/\p{Extended_Pictographic}|[\p{L}\p{N}]/u)?.[0] ?? [...word][0] ?? '';
}

/** Whoever gave no name is still somebody. Where it stands in a sentence, it is `isolated`, or in a `<bdi>`. */
export function displayName(name: string): string {
  return name.trim() || t('app.guest');
}

/** A name for use inside a sentence: between Unicode's isolates, a name that is written from right to left, or that
 *  pretends to be, moves nothing around it. */
export function isolated(name: string): string {
  return `\u2068${displayName(name)}\u2069`;
}

/** Who was there, as part of a sentence. */
export function names(all: readonly string[]): string {
  const shown = all.map(isolated);
  if (shown.length === 0) return t('app.nobody_else');
  if (shown.length <= 2) return list(shown);
  const others = t('app.others', { count: shown.length - 2 });
  return list([...shown.slice(0, 2), others]);
}
