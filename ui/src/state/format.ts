/** `1:02:03`, `4:05`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const h = Math.floor(whole / 3600);
  const m = Math.floor((whole % 3600) / 60);
  const s = String(whole % 60).padStart(2, '0');
  return h > 0 ? `${h}:${String(m).padStart(2, '0')}:${s}` : `${m}:${s}`;
}

/** `12 minutes`, `1 hour 5 minutes`: to be read, not compared. */
export function spoken(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return plural(whole, 'second');
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return plural(minutes, 'minute');
  const rest = minutes % 60;
  const hours = plural(Math.floor(minutes / 60), 'hour');
  return rest === 0 ? hours : `${hours} ${plural(rest, 'minute')}`;
}

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** When a call was, for the list of recent calls. */
export function when(at: number, now: number): string {
  const seconds = Math.max(0, (now - at) / 1000);
  if (seconds < 60) return 'just now';
  if (seconds < 86_400) return `${spoken(seconds).split(/(?<=(?:minute|hour)s?) /)[0]} ago`;
  return new Date(at).toLocaleDateString(undefined, { day: 'numeric', month: 'short' });
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

/** Whoever gave no name is still somebody. */
export function displayName(name: string): string {
  return name.trim() || 'Guest';
}

export function names(list: readonly string[]): string {
  const shown = list.map(displayName);
  if (shown.length === 0) return 'Nobody else';
  if (shown.length <= 2) return shown.join(' and ');
  return `${shown.slice(0, 2).join(', ')} and ${plural(shown.length - 2, 'other')}`;
}
