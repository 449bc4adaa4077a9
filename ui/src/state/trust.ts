import type { CallView, Participant } from '../core/core';

/** What a shield shows. `late`: not compared with, because they came after it. */
export type Shield = 'unconfirmed' | 'unverified' | 'late' | 'verified' | 'changed';

export function shieldOf({ trust, late }: Participant): Shield {
  return trust === 'unverified' && late ? 'late' : trust;
}

/** What a shield means, for one person. */
export const SHIELDS: Readonly<Record<Shield, string>> = {
  unconfirmed: 'The connection is not proven yet',
  unverified: 'Not verified yet',
  late: 'Came after the safety number was compared',
  verified: 'Verified',
  changed: 'Here with another key than the person you verified',
};

/** The room's shield: the worst that is true of somebody in it. */
export interface RoomTrust {
  shield: Shield;
  /** Beside the shield, and where there is little room. */
  text: string;
  short: string;
}

const ENCRYPTED = 'End-to-end';

/** `undefined` while nobody is there to be proven anything of, and in a test call, where the other is this program. */
export function roomTrust(call: CallView): RoomTrust | undefined {
  if (call.test || call.participants.length === 0) return undefined;
  const all = call.participants.map(shieldOf);
  const count = (shield: Shield) => all.filter((one) => one === shield).length;
  const [verified, late] = [count('verified'), count('late')];
  if (count('changed') > 0)
    return { shield: 'changed', text: 'Another key: verify again', short: 'Another key' };
  if (call.safety === null)
    return { shield: 'unconfirmed', text: 'Proving the connection…', short: 'Proving…' };
  if (late > 0) {
    const text = late === 1 ? 'One came later: verify again' : `${late} came later: verify again`;
    return { shield: 'late', text, short: 'Came later' };
  }
  if (verified === all.length) {
    return { shield: 'verified', text: `${ENCRYPTED} · verified`, short: 'Verified' };
  }
  const text = verified === 0 ? 'verify' : `${verified} of ${all.length} verified`;
  return { shield: 'unverified', text: `${ENCRYPTED} · ${text}`, short: 'Verify' };
}
