import type { CallView, Notice } from '../core/core';
import { headcount } from './people';

/**
 * What is to be said aloud about how a call changed. `name` gives somebody's name for use in a sentence. Whoever comes and
 * goes, or has another key than before, is told by the engine, which also rings.
 */
export function news(before: CallView | undefined, now: CallView, name: (id: string) => string): Notice[] {
  if (!before) return [];
  const known = new Map(before.participants.map((one) => [one.id, one]));
  const told: Notice[] = [];
  for (const { id, trust, late, hand } of now.participants) {
    const was = known.get(id);
    if (late && trust === 'unverified' && was?.late !== true) {
      told.push({
        kind: 'hint',
        code: `came_later_${id}`,
        message: `${name(id)} came after you compared the safety number. Compare it again to verify them.`,
      });
    }
    if (hand !== null && (was?.hand ?? null) === null) {
      told.push({ kind: 'info', code: `hand_${id}`, message: `${name(id)} raised a hand.` });
    }
  }
  const [was, here] = [headcount(before), headcount(now)];
  if (now.capacity > 2 && here > was && here >= now.capacity - 1) {
    const message =
      here < now.capacity ? 'One more person fits into this call.' : 'The call is full: nobody else fits in.';
    told.push({ kind: 'info', code: 'capacity', message });
  }
  if (before.locked !== now.locked) {
    const message = now.locked
      ? 'The call is locked: whoever comes now has to knock.'
      : 'The call is open: whoever has the code can come in.';
    told.push({ kind: 'info', code: 'lock', message });
  }
  return told;
}
