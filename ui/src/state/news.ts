import type { CallView } from '../core/core';
import { headcount } from './people';
import type { Told } from './toasts.svelte';
import { t } from '../words';

/**
 * What is to be said aloud about how a call changed. `name` gives somebody's name for use in a sentence. Whoever comes and
 * goes, or has another key than before, is told by the engine, which also rings.
 */
export function news(before: CallView | undefined, now: CallView, name: (id: string) => string): Told[] {
  if (!before) return [];
  const known = new Map(before.participants.map((one) => [one.id, one]));
  const told: Told[] = [];
  for (const { id, trust, late, hand, records } of now.participants) {
    const was = known.get(id);
    if (late && trust === 'unverified' && was?.late !== true) {
      told.push({
        kind: 'hint',
        code: `came_later_${id}`,
        message: t('call.news_late', { name: name(id) }),
      });
    }
    if (records && was?.records !== true) {
      told.push({ kind: 'hint', code: `records_${id}`, message: t('call.news_records', { name: name(id) }) });
    }
    if (hand !== null && (was?.hand ?? null) === null) {
      told.push({ kind: 'info', code: `hand_${id}`, message: t('call.news_hand', { name: name(id) }) });
    }
  }
  for (const { id, records } of before.participants) {
    const still = now.participants.find((one) => one.id === id);
    if (records && still && !still.records) {
      const message = t('call.news_records_no_more', { name: name(id) });
      told.push({ kind: 'info', code: `records_${id}`, message });
    }
  }
  const [was, here] = [headcount(before), headcount(now)];
  if (now.capacity > 2 && here > was && here >= now.capacity - 1) {
    const message = here < now.capacity ? t('call.news_one_more') : t('call.news_full');
    told.push({ kind: 'info', code: 'capacity', message });
  }
  if (before.locked !== now.locked) {
    const message = now.locked ? t('call.news_locked') : t('call.news_open');
    told.push({ kind: 'info', code: 'lock', message });
  }
  return told;
}
