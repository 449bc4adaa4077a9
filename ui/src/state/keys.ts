import { REACTIONS } from './reactions.svelte';
import { t } from '../words';

/** What a key does in a call; the lobby knows the first two and the last. */
export type Action =
  | 'microphone'
  | 'camera'
  | 'share'
  | 'point'
  | 'push-to-talk'
  | 'chat'
  | 'people'
  | 'files'
  | 'send-files'
  | 'safety'
  | 'hand'
  | 'let-in'
  | 'lock'
  | 'layout'
  | 'board'
  | 'game'
  | 'previous-page'
  | 'next-page'
  | 'full-screen'
  | 'statistics'
  | 'record'
  | 'help'
  | 'close'
  | `reaction-${number}`;

/** For the list of all keys, in its order. */
export const KEYS: readonly { keys: readonly string[]; does: string }[] = [
  {
    keys: ['M'],
    get does() {
      return t('app.key_microphone');
    },
  },
  {
    keys: ['V'],
    get does() {
      return t('app.key_camera');
    },
  },
  {
    keys: ['D'],
    get does() {
      return t('app.key_share');
    },
  },
  {
    keys: ['X'],
    get does() {
      return t('app.key_point');
    },
  },
  {
    keys: ['Space'],
    get does() {
      return t('app.key_talk');
    },
  },
  {
    keys: ['R'],
    get does() {
      return t('app.key_hand');
    },
  },
  {
    keys: REACTIONS.map((_, index) => String(index + 1)),
    get does() {
      return t('app.key_react');
    },
  },
  {
    keys: ['C'],
    get does() {
      return t('app.key_chat');
    },
  },
  {
    keys: ['P'],
    get does() {
      return t('app.key_people');
    },
  },
  {
    keys: ['F'],
    get does() {
      return t('app.key_files');
    },
  },
  {
    keys: ['O'],
    get does() {
      return t('app.key_send_files');
    },
  },
  {
    keys: ['E'],
    get does() {
      return t('app.key_safety');
    },
  },
  {
    keys: ['K'],
    get does() {
      return t('app.key_let_in');
    },
  },
  {
    keys: ['L'],
    get does() {
      return t('app.key_lock');
    },
  },
  {
    keys: ['W'],
    get does() {
      return t('app.key_layout');
    },
  },
  {
    keys: ['B'],
    get does() {
      return t('app.key_board');
    },
  },
  {
    keys: ['G'],
    get does() {
      return t('app.key_games');
    },
  },
  {
    keys: ['PgUp', 'PgDn'],
    get does() {
      return t('app.key_pages');
    },
  },
  {
    keys: ['S', 'F11'],
    get does() {
      return t('app.key_full_screen');
    },
  },
  {
    keys: ['T'],
    get does() {
      return t('call.statistics');
    },
  },
  {
    keys: ['Q'],
    get does() {
      return t('app.key_record');
    },
  },
  {
    keys: ['?'],
    get does() {
      return t('app.key_help');
    },
  },
  {
    keys: ['Esc'],
    get does() {
      return t('app.key_close');
    },
  },
];

/** What stands on keys, such as `Ctrl Z`, as keyboards of the window's language have it. */
export function caps(keys: string): string {
  return keys.split(' ').map(cap).join(' ');
}

function cap(key: string): string {
  switch (key) {
    case 'Ctrl':
      return t('app.cap_ctrl');
    case 'Shift':
      return t('app.cap_shift');
    case 'Enter':
      return t('app.cap_enter');
    case 'Esc':
      return t('app.cap_esc');
    case 'Del':
      return t('app.cap_del');
    case 'Space':
      return t('app.cap_space');
    case 'PgUp':
      return t('app.cap_page_up');
    case 'PgDn':
      return t('app.cap_page_down');
    default:
      return key;
  }
}

const ACTIONS: Readonly<Record<string, Action>> = {
  m: 'microphone',
  v: 'camera',
  d: 'share',
  x: 'point',
  ' ': 'push-to-talk',
  c: 'chat',
  p: 'people',
  f: 'files',
  o: 'send-files',
  e: 'safety',
  r: 'hand',
  k: 'let-in',
  l: 'lock',
  w: 'layout',
  b: 'board',
  g: 'game',
  pageup: 'previous-page',
  pagedown: 'next-page',
  s: 'full-screen',
  f11: 'full-screen',
  t: 'statistics',
  q: 'record',
  '?': 'help',
  escape: 'close',
  ...Object.fromEntries(REACTIONS.map((_, index) => [String(index + 1), `reaction-${index}` as const])),
};

export interface KeyPress {
  key: string;
  ctrlKey: boolean;
  altKey: boolean;
  metaKey: boolean;
  repeat: boolean;
  shiftKey?: boolean;
  target: unknown;
}

/** The action of a key press, if it is one and may act where the focus is. */
export function actionOf(press: KeyPress): Action | undefined {
  if (press.ctrlKey || press.altKey || press.metaKey || press.repeat) return undefined;
  const action = ACTIONS[press.key.toLowerCase()];
  if (!action) return undefined;
  if (action === 'push-to-talk') return usesSpace(press.target) ? undefined : action;
  // Where there is something to scroll, these scroll it.
  if (action.endsWith('-page') && scrolls(press.target)) return undefined;
  // Keys that write nothing act in text fields too.
  if (press.key.length === 1 && isTextField(press.target)) return undefined;
  return action;
}

function scrolls(target: unknown): boolean {
  return (
    isTextField(target) || (target instanceof HTMLElement && target.closest('aside, [role="menu"]') !== null)
  );
}

const NOT_TEXT = new Set(['button', 'checkbox', 'radio', 'range', 'submit', 'reset', 'color', 'file']);

export function isTextField(target: unknown): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !NOT_TEXT.has(target.type);
  // A list jumps to the entry whose first letter is typed.
  if (target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true;
  return target.isContentEditable || target.getAttribute('contenteditable') === 'true';
}

/**
 * Whether Space belongs to what has the focus: where it writes, and where no other key does the same. A button is
 * pressed by Enter too, so in a call Space on it talks: nobody looks where the focus is before they answer.
 */
export function usesSpace(target: unknown): boolean {
  if (isTextField(target)) return true;
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return target.type === 'checkbox' || target.type === 'radio';
  return target.closest('summary') !== null;
}

/** Talking while a key is held: on when it goes down while muted, off again when it goes up or the focus leaves. */
export class PushToTalk {
  #held = false;
  readonly #isOn: () => boolean;
  readonly #set: (on: boolean) => void;

  constructor(isOn: () => boolean, set: (on: boolean) => void) {
    this.#isOn = isOn;
    this.#set = set;
  }

  get held(): boolean {
    return this.#held;
  }

  press(): void {
    if (this.#held || this.#isOn()) return;
    this.#held = true;
    this.#set(true);
  }

  release(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#set(false);
  }

  /** The microphone was switched by other means: releasing the key must not switch it again. */
  forget(): void {
    this.#held = false;
  }
}
