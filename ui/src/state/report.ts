import type { ReportWords } from '../core/core';
import { isKey, number, t, writing } from '../words';
import { ENGLISH, type Key } from '../words/english';

const PREFIX = 'engine.';
/** What the engine fills in by itself. */
const NAMED = { number: '{number}', count: '{count}', seconds: '{seconds}', path: '{path}' };

/** Why there is none: nothing of a report itself. */
const REFUSALS = new Set(['engine.report_not_saved', 'engine.report_no_folder']);

const KEYS = Object.keys(ENGLISH).filter(
  (key): key is Key => isKey(key) && key.startsWith(`${PREFIX}report_`) && !REFUSALS.has(key),
);

/** The words of a report in the window's language, for the engine, which writes it. In English its own are the right ones. */
export function reportWords(): ReportWords {
  const { lang, dir } = writing();
  const words = lang === 'en' ? [] : KEYS.map((key) => [key.slice(PREFIX.length), t(key, NAMED)] as const);
  return {
    language: lang,
    rightToLeft: dir === 'rtl',
    decimal: number(0.5, 1).slice(1, 2),
    words: Object.fromEntries(words),
  };
}
