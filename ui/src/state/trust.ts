import type { CallView, Participant } from '../core/core';
import { isKey, t } from '../words';

/** What a shield shows. `late`: not compared with, because they came after it. */
export type Shield = 'unconfirmed' | 'unverified' | 'late' | 'verified' | 'changed';

export function shieldOf({ trust, late }: Participant): Shield {
  return trust === 'unverified' && late ? 'late' : trust;
}

/** What a shield means, for one person. */
export function shieldSays(shield: Shield): string {
  switch (shield) {
    case 'unconfirmed':
      return t('call.shield_unconfirmed');
    case 'unverified':
      return t('call.shield_unverified');
    case 'late':
      return t('call.shield_late');
    case 'verified':
      return t('call.verified');
    case 'changed':
      return t('call.shield_changed');
  }
}

/** A word of the safety number, which is the same everywhere, in the window's language. Its picture is the same in all. */
export function safetyWord(word: string): string {
  const key = `call.safety_word_${word.replaceAll(' ', '_')}`;
  return isKey(key) ? t(key) : word;
}

/** The room's shield: the worst that is true of somebody in it. */
export interface RoomTrust {
  shield: Shield;
  /** Beside the shield, and where there is little room. */
  text: string;
  short: string;
}

/** `undefined` while nobody is there to be proven anything of, and in a test call, where the other is this program. */
export function roomTrust(call: CallView): RoomTrust | undefined {
  if (call.test || call.participants.length === 0) return undefined;
  const all = call.participants.map(shieldOf);
  const count = (shield: Shield) => all.filter((one) => one === shield).length;
  const [verified, late] = [count('verified'), count('late')];
  if (count('changed') > 0)
    return { shield: 'changed', text: t('call.another_key_text'), short: t('call.another_key') };
  if (call.safety === null)
    return { shield: 'unconfirmed', text: t('call.proving_text'), short: t('call.proving') };
  if (late > 0) {
    const text = t('call.came_later_text', { count: late });
    return { shield: 'late', text, short: t('call.came_later') };
  }
  if (verified === all.length) {
    return { shield: 'verified', text: t('call.all_verified'), short: t('call.verified') };
  }
  const text =
    verified === 0 ? t('call.none_verified') : t('call.some_verified', { verified, all: all.length });
  return { shield: 'unverified', text, short: t('call.verify') };
}
