import { IntlMessageFormat } from 'intl-messageformat';
import type { Language, Sentence } from '../core/core';
import { AREAS, ENGLISH, type Key } from './english';
import { FIRST_STRONG, POP } from './marked';

/** What a message says of this time: names, numbers, and whole phrases that were said before. */
export type Values = Readonly<Record<string, string | number>>;
/** A language that the window speaks. */
export type Spoken = Exclude<Language, 'system'>;
type Messages = Readonly<Record<string, string>>;

/** Each by its own name, as whoever reads no other language looks for it. */
export const LANGUAGES: readonly { id: Spoken; name: string; rtl?: true }[] = [
  { id: 'en', name: 'English' },
  { id: 'de', name: 'Deutsch' },
  { id: 'fr', name: 'Français' },
  { id: 'es', name: 'Español' },
  { id: 'zh', name: '简体中文' },
  { id: 'ar', name: 'العربية', rtl: true },
];

interface Shown {
  language: Spoken;
  /** For numbers, dates and lists: the language as the person's system has it, such as `en-GB`. */
  locale: string;
  rtl: boolean;
  messages: Messages;
  /** Messages that were needed once are taken apart once. */
  formats: Map<string, IntlMessageFormat>;
}

const FILES = import.meta.glob<{ default: Messages }>(['./*/*.json', '!./en/*.json']);

function shownIn(language: Spoken, messages: Messages): Shown {
  const rtl = LANGUAGES.some(({ id, rtl }) => id === language && rtl === true);
  return { language, locale: localeOf(language), rtl, messages, formats: new Map() };
}

let shown = $state.raw(shownIn('en', ENGLISH));

function preferred(): readonly string[] {
  return typeof navigator === 'undefined' ? [] : navigator.languages;
}

function base(tag: string): string {
  return tag.toLowerCase().split(/[-_]/u)[0] ?? '';
}

/** The first language of the system's that the window speaks. */
export function systemLanguage(tags: readonly string[] = preferred()): Spoken {
  for (const tag of tags) {
    const found = LANGUAGES.find(({ id }) => id === base(tag));
    if (found) return found.id;
  }
  return 'en';
}

/** The system's own kind of a language, where it has one: it says how dates are written. */
function localeOf(language: Spoken): string {
  const tag = preferred().find((one) => base(one) === language && supported(one)) ?? language;
  // Codes, clocks and counters are written with 0 to 9 everywhere: one kind of digits in the window is enough.
  return language === 'ar' ? `${tag.split('-u-')[0] ?? tag}-u-nu-latn` : tag;
}

function supported(tag: string): boolean {
  try {
    return Intl.DateTimeFormat.supportedLocalesOf(tag).length > 0;
  } catch {
    return false;
  }
}

let wanted: Spoken = 'en';

/** Shows the window in this language as soon as its messages are read. What cannot be read leaves things as they are. */
export async function speak(language: Language): Promise<void> {
  const next = language === 'system' ? systemLanguage() : language;
  wanted = next;
  if (next === shown.language) return;
  const messages = next === 'en' ? ENGLISH : await read(next).catch(() => undefined);
  // Whoever chose another one meanwhile wants that.
  if (messages && wanted === next) shown = shownIn(next, messages);
}

async function read(language: Spoken): Promise<Messages> {
  const parts = AREAS.map((area) => FILES[`./${language}/${area}.json`]?.());
  const read = await Promise.all(parts);
  return Object.assign({}, ...read.map((part) => part?.default ?? {})) as Messages;
}

/** What the page is written in, for `lang` and `dir`. */
export function writing(): { lang: Spoken; dir: 'ltr' | 'rtl' } {
  return { lang: shown.language, dir: shown.rtl ? 'rtl' : 'ltr' };
}

/** An arrow key as it counts along a row: where writing goes from right to left, so do rows. */
export function along(key: string): string {
  if (!shown.rtl) return key;
  return key === 'ArrowLeft' ? 'ArrowRight' : key === 'ArrowRight' ? 'ArrowLeft' : key;
}

const LEFT_TO_RIGHT = /[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\d]/u;

/** Among letters from right to left, what is written the other way moves nothing around it. */
function apart(value: string | number): string | number {
  if (!shown.rtl || typeof value === 'number' || value.startsWith(FIRST_STRONG)) return value;
  return LEFT_TO_RIGHT.test(value) ? `${FIRST_STRONG}${value}${POP}` : value;
}

/** A message in the window's language; in English where it is missing. */
export function t(key: Key, values?: Values): string {
  return render(key, shown.messages[key] ?? ENGLISH[key], values);
}

function render(key: string, message: string, values: Values | undefined): string {
  if (!message.includes('{')) return message.replaceAll("''", "'");
  const known = shown.formats.get(key);
  const locale = message === shown.messages[key] ? shown.locale : 'en';
  const format = known ?? new IntlMessageFormat(message, locale, undefined, { ignoreTag: true });
  if (!known) shown.formats.set(key, format);
  const apartValues = Object.entries(values ?? {}).map(([name, value]) => [name, apart(value)] as const);
  return String(format.format(Object.fromEntries(apartValues)));
}

/** Whether the window has words for it. */
export function isKey(key: string): key is Key {
  return key in ENGLISH;
}

/** What is called by one of these messages in English, in the window's language; anything else as it is. */
export function called(english: string, keys: readonly Key[]): string {
  const key = keys.find((one) => ENGLISH[one] === english);
  return key === undefined ? english : t(key);
}

/** What the engine or the shell says: its code has words in every language. */
export function sentence({ code, message, parameters }: Sentence): string {
  const key = `engine.${code}`;
  // In English its own words are the right ones, and they are what is left for a code that is not known here.
  if (shown.language === 'en' || !isKey(key)) return message;
  try {
    return t(key, parameters?.['name'] === '' ? { ...parameters, name: t('app.somebody') } : parameters);
  } catch {
    // It did not name what the words need: its own are whole.
    return message;
  }
}

/** `1,234.5`. */
export function number(value: number, digits = 0): string {
  return new Intl.NumberFormat(shown.locale, {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
    useGrouping: false,
  }).format(value);
}

/** `Ada, Ben and Zoë`. */
export function list(parts: readonly string[]): string {
  // English as it is written in the whole window: no comma before “and”.
  const locale = shown.language === 'en' ? 'en-GB' : shown.locale;
  return new Intl.ListFormat(locale, { type: 'conjunction' }).format(parts);
}

/** `3 minutes ago`. */
export function ago(count: number, unit: 'minute' | 'hour'): string {
  return new Intl.RelativeTimeFormat(shown.locale, { numeric: 'always' }).format(-count, unit);
}

export function date(at: number, options: Intl.DateTimeFormatOptions): string {
  return new Intl.DateTimeFormat(shown.locale, options).format(at);
}
