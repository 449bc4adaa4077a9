import type { CallView, Participant, StreamView } from '../core/core';
import { isMuted } from './call-status';
import { displayName } from './format';
import { SELF } from './stage';
import { t } from '../words';

/** How many colours there are for whoever shows no picture: `--avatar-0` and so on. */
export const AVATARS = 8;

/** Written alike, whatever the case, the blanks and the width of the letters. */
const alike = (name: string) =>
  displayName(name).normalize('NFKC').replace(/\s+/gu, ' ').trim().toLocaleLowerCase();

/** What somebody is called here. */
export interface Label {
  name: string;
  /** What tells them from whoever has the same name; empty as a rule. Where a name is cut off, this is not. */
  mark: string;
}

/**
 * What everybody is called here. Two of the same name are told apart by a number behind it, which is theirs for as long as
 * they stay: were it to move to somebody else, the one would be taken for the other.
 */
export class Names {
  readonly #numbers = new Map<string, { name: string; number: number }>();

  of(participants: readonly Pick<Participant, 'id' | 'name'>[]): ReadonlyMap<string, Label> {
    const here = new Set(participants.map(({ id }) => id));
    for (const id of this.#numbers.keys()) if (!here.has(id)) this.#numbers.delete(id);
    return new Map(participants.map(({ id, name }) => [id, this.#label(id, name)]));
  }

  #label(id: string, name: string): Label {
    const key = alike(name);
    let own = this.#numbers.get(id);
    if (own?.name !== key) {
      this.#numbers.delete(id);
      const taken = new Set(
        [...this.#numbers.values()].filter((one) => one.name === key).map((one) => one.number),
      );
      let number = 1;
      while (taken.has(number)) number += 1;
      own = { name: key, number };
      this.#numbers.set(id, own);
    }
    return { name: displayName(name), mark: own.number === 1 ? '' : ` (${own.number})` };
  }
}

/** Which of the colours somebody has: always the same for the same label, so two of one name differ in it as a rule. */
export function avatar(label: string): number {
  let hash = 0;
  for (const letter of label) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) % 65_521;
  return hash % AVATARS;
}

/** The stream of what their camera sees. */
export function cameraOf({ streams }: Participant): StreamView | undefined {
  return streams.find(({ source }) => source === 'camera');
}

export function screenOf({ streams }: Participant): StreamView | undefined {
  return streams.find(({ source }) => source === 'screen');
}

/** Raised hands by who raised theirs first: the number that stands on it. */
export function hands({ hand, participants }: CallView): ReadonlyMap<string, number> {
  const raised = [...participants.map((one) => ({ id: one.id, hand: one.hand })), { id: SELF, hand }].filter(
    (one): one is { id: string; hand: number } => one.hand !== null,
  );
  raised.sort((a, b) => a.hand - b.hand);
  return new Map(raised.map(({ id }, index) => [id, index + 1]));
}

/** The others as they are listed: raised hands first, then as they came. */
export function listed(call: CallView): Participant[] {
  const order = hands(call);
  const last = call.participants.length + 1;
  return [...call.participants].sort((a, b) => (order.get(a.id) ?? last) - (order.get(b.id) ?? last));
}

export function headcount({ participants }: CallView): number {
  return participants.length + 1;
}

/** How many are here and how many fit, while somebody can still do something about it. */
export function capacitySays(call: CallView): string {
  const here = headcount(call);
  if (call.capacity === 0) return t('call.here', { count: here });
  const free = call.capacity - here;
  if (free <= 0) return t('call.full', { here, capacity: call.capacity });
  return t('call.room_left', { here, capacity: call.capacity, free });
}

/** What fits, for whoever is alone and invites. */
export function capacityAlone({ capacity }: CallView): string | undefined {
  return capacity > 2 ? t('call.capacity', { count: capacity }) : undefined;
}

/** What is the matter with somebody in the list; nothing where all is as expected. */
export function personSays(one: Participant): string | undefined {
  if (one.connection === 'connecting') return t('call.connecting');
  if (one.connection === 'reconnecting') return t('call.reconnecting');
  if (one.records) return t('call.records');
  if (cameraOf(one)?.paused) return t('call.picture_paused');
  if (one.volume === 0) return t('call.muted_for_you');
  return isMuted(one) ? t('call.muted') : undefined;
}
