import { REACTIONS } from './reactions.svelte';

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
  | 'help'
  | 'close'
  | `reaction-${number}`;

/** For the list of all keys, in its order. */
export const KEYS: readonly { keys: readonly string[]; does: string }[] = [
  { keys: ['M'], does: 'Turn the microphone on or off' },
  { keys: ['V'], does: 'Turn the camera on or off' },
  { keys: ['D'], does: 'Share your screen, or stop sharing' },
  { keys: ['X'], does: 'Point at a shared screen: press the mouse and draw' },
  { keys: ['Space'], does: 'Hold to talk while muted' },
  { keys: ['R'], does: 'Raise or lower your hand' },
  {
    keys: REACTIONS.map((_, index) => String(index + 1)),
    does: `React: ${REACTIONS.map(({ name }) => name.toLowerCase()).join(', ')}`,
  },
  { keys: ['C'], does: 'Chat: write to everybody, or to one' },
  { keys: ['P'], does: 'People: who is here, invitation, lock' },
  { keys: ['F'], does: 'Files: what is offered, on its way or here' },
  { keys: ['O'], does: 'Choose files to send' },
  { keys: ['E'], does: 'Safety number: compare it' },
  { keys: ['K'], does: 'Let in whoever knocked first' },
  { keys: ['L'], does: 'Lock the call, or open it' },
  { keys: ['W'], does: 'Change the layout' },
  { keys: ['B'], does: 'Whiteboard, or back to everybody' },
  { keys: ['G'], does: 'Games, or back to everybody' },
  { keys: ['PgUp', 'PgDn'], does: 'Turn the pages of the grid' },
  { keys: ['S', 'F11'], does: 'Full screen, as does a double click' },
  { keys: ['T'], does: 'Statistics' },
  { keys: ['?'], does: 'Show these keys' },
  { keys: ['Esc'], does: 'Close what is open' },
];

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
