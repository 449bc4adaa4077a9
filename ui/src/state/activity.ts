import type { KeyPress } from './keys';
import { t } from '../words';

/** What people do together that can have the large place on the stage. Each person chooses what their own stage shows. */
export const ACTIVITIES = [
  {
    id: 'board',
    get title() {
      return t('board.whiteboard');
    },
    key: 'B',
  },
  {
    id: 'game',
    get title() {
      return t('games.games');
    },
    key: 'G',
  },
] as const;

export type Activity = 'board' | 'game';

/** The keys of what stands on the stage. Each says whether the key was its own: the call leaves that one alone. */
export interface ActivityKeys {
  down: (press: KeyPress) => boolean;
  up: (press: Pick<KeyPress, 'key' | 'target'>) => boolean;
}
