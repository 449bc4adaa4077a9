import type { Reaction } from '../core/core';
import { t } from '../words';

/** In the order of their keys, from 1 to 6. */
export const REACTIONS: readonly { reaction: Reaction; name: string }[] = [
  {
    reaction: 'thumbs_up',
    get name() {
      return t('call.reaction_thumbs_up');
    },
  },
  {
    reaction: 'clap',
    get name() {
      return t('call.reaction_clap');
    },
  },
  {
    reaction: 'heart',
    get name() {
      return t('call.reaction_heart');
    },
  },
  {
    reaction: 'laugh',
    get name() {
      return t('call.reaction_laugh');
    },
  },
  {
    reaction: 'surprised',
    get name() {
      return t('call.reaction_surprised');
    },
  },
  {
    reaction: 'party',
    get name() {
      return t('call.reaction_party');
    },
  },
];

export function reactionName(reaction: Reaction): string {
  return REACTIONS.find((one) => one.reaction === reaction)?.name ?? '';
}

/** How long one is seen. */
export const REACTION_MS = 2_000;
/** More of one person at once would only hide them. */
const LIMIT = 5;

export interface Shown {
  key: number;
  /** `null`: ourselves. */
  peer: string | null;
  reaction: Reaction;
}

/** The reactions that are seen now. */
export class Reactions {
  list = $state.raw<readonly Shown[]>([]);
  #next = 0;
  readonly #after: (callback: () => void, ms: number) => void;

  constructor(
    after: (callback: () => void, ms: number) => void = (callback, ms) => setTimeout(callback, ms),
  ) {
    this.#after = after;
  }

  show(peer: string | null, reaction: Reaction): void {
    this.#next += 1;
    const key = this.#next;
    const own = this.list.filter((one) => one.peer === peer);
    const oldest = own.length >= LIMIT ? own[0] : undefined;
    this.list = [...this.list.filter((one) => one !== oldest), { key, peer, reaction }];
    this.#after(() => (this.list = this.list.filter((one) => one.key !== key)), REACTION_MS);
  }

  of(peer: string | null): readonly Shown[] {
    return this.list.filter((one) => one.peer === peer);
  }
}
