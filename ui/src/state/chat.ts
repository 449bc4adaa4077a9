import type { ChatChange, ChatMessage, ChatView } from '../core/core';
import { date, t } from '../words';

/** What one change makes of the chat; the same as the engine makes of its own. */
export function changed(chat: ChatView | null, change: ChatChange): ChatView | null {
  if (change.type === 'all') return change.chat;
  if (!chat) return chat;
  switch (change.type) {
    case 'message':
      return { ...chat, messages: put(chat.messages, change.message) };
    case 'dropped':
      return { ...chat, messages: chat.messages.filter(({ id }) => id !== change.id) };
    case 'name':
      return { ...chat, names: { ...chat.names, [change.peer]: change.name } };
    case 'history':
      return { ...chat, history: change.history };
  }
}

/** By number, and of the same number by author: the order that everybody has. */
function isAfter(one: ChatMessage, other: ChatMessage): boolean {
  return one.number === other.number ? one.author > other.author : one.number > other.number;
}

function put(messages: ChatMessage[], message: ChatMessage): ChatMessage[] {
  let at = messages.length;
  // Most come last.
  while (at > 0 && isAfter(messages[at - 1] ?? message, message)) at -= 1;
  const known = messages[at - 1]?.id === message.id;
  return [...messages.slice(0, known ? at - 1 : at), message, ...messages.slice(at)];
}

/** Messages of one person that were written one after the other, within a minute. */
export interface Group {
  /** Of its first message. */
  key: string;
  author: string;
  own: boolean;
  at: number;
  /** For whom alone they are. */
  to: string | null;
  passedOnBy: string | null;
  messages: ChatMessage[];
}

const MINUTE_MS = 60_000;

/** `breaks`: after the messages with these numbers something else stands, so a group ends there. */
export function groups(chat: ChatView, breaks: ReadonlySet<number> = new Set()): Group[] {
  const found: Group[] = [];
  let before = 0;
  for (const message of chat.messages) {
    const { id, number, author, at, to, passedOnBy } = message;
    const last = found.at(-1);
    const broken = [...breaks].some((one) => before <= one && one < number);
    before = number;
    const goesOn =
      !broken &&
      last?.author === author &&
      last.to === to &&
      last.passedOnBy === passedOnBy &&
      // By the author's own clock, which may have been set meanwhile.
      Math.abs(at - last.at) < MINUTE_MS;
    if (last && goesOn) last.messages.push(message);
    else found.push({ key: id, author, own: author === chat.me, at, to, passedOnBy, messages: [message] });
  }
  return found;
}

/** `14:02`, by the person's own clock and habit. */
export function timeOfDay(at: number): string {
  return date(at, { hour: '2-digit', minute: '2-digit' });
}

const FIRST_LINE = 80;

/** The beginning of what was written, for where there is one line. */
export function firstLine({ text }: ChatMessage): string {
  if (text === null) return t('call.message_deleted');
  const [line = ''] = text.split('\n');
  const letters = [...line];
  return letters.length > FIRST_LINE ? `${letters.slice(0, FIRST_LINE).join('')}…` : line;
}

/** Our last message that still says something. */
export function lastOwn({ me, messages }: ChatView): ChatMessage | undefined {
  return messages.findLast(({ author, text }) => author === me && text !== null);
}

/** Minutes that the person's clock is ahead of UTC. */
export function utcOffset(now: Date): number {
  return -now.getTimezoneOffset();
}

/** How a saved chat or report is called unless somebody says otherwise: by when it was, by the person's own clock. */
export function fileName(what: string, ending: string, now: Date): string {
  const two = (number: number) => String(number).padStart(2, '0');
  const day = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  return `${what} ${day} ${two(now.getHours())}.${two(now.getMinutes())}.${ending}`;
}
