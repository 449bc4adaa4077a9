import type { ChatChange } from '../generated/ChatChange';
import type { ChatMessage } from '../generated/ChatMessage';
import type { ChatView } from '../generated/ChatView';
import type { Command } from '../generated/Command';

const ME = 'me';
const MINUTE_MS = 60_000;

function message(number: number, author: string, text: string | null, minutes: number): ChatMessage {
  return {
    id: `${number}-${author}`,
    number,
    author,
    at: Date.now() - minutes * MINUTE_MS,
    to: null,
    reply: null,
    text,
    edited: false,
    passedOnBy: null,
    reactions: [],
  };
}

export function emptyChat(change: Partial<ChatView> = {}): ChatView {
  const names = { a: 'Ada Lovelace', b: 'Grace', z: 'Donald' };
  return { me: ME, messages: [], names, history: { open: true, ours: true }, ...change };
}

/** Everything that a message can be. */
export function someChat(): ChatView {
  return emptyChat({
    messages: [
      {
        ...message(1, 'z', 'I have to go. The slides are at https://slides.example.org/valve.', 14),
        passedOnBy: 'a',
      },
      message(2, 'a', 'Here is the sketch of the valve', 12),
      {
        ...message(3, 'a', 'It closes at 3 bar:\n  p = F / A\n  A = 4 cm²', 12),
        reactions: [
          { reaction: 'thumbs_up', people: ['b', ME] },
          { reaction: 'heart', people: ['c'] },
        ],
      },
      { ...message(4, ME, 'Got it, opening', 11), reply: '2-a', edited: true },
      { ...message(5, 'b', 'Ask him about the budget first', 9), to: ME },
      message(6, 'b', null, 9),
      { ...message(7, ME, 'I will', 8), to: 'b' },
      message(8, 'c', 'Can you share your screen?', 1),
    ],
  });
}

/** What a command makes of the chat. */
export function inChat(chat: ChatView, command: Command): ChatChange | undefined {
  const known = (id: string) => chat.messages.find((one) => one.id === id);
  const change = (id: string, made: (one: ChatMessage) => Partial<ChatMessage>): ChatChange | undefined => {
    const one = known(id);
    return one && { type: 'message', message: { ...one, ...made(one) } };
  };
  switch (command.type) {
    case 'send_chat': {
      const number = (chat.messages.at(-1)?.number ?? 0) + 1;
      const { text, to, reply } = command;
      return { type: 'message', message: { ...message(number, ME, text, 0), to, reply } };
    }
    case 'edit_chat':
      return change(command.id, () => ({ text: command.text, edited: true }));
    case 'delete_chat':
      return change(command.id, () => ({ text: null, reactions: [] }));
    case 'react_to_chat':
      return change(command.id, ({ reactions }) => {
        const others = reactions
          .map((one) =>
            one.reaction === command.reaction
              ? { ...one, people: one.people.filter((person) => person !== ME) }
              : one,
          )
          .filter(({ people }) => people.length > 0);
        const there = others.find(({ reaction }) => reaction === command.reaction);
        if (!command.on) return { reactions: others };
        if (!there) return { reactions: [...others, { reaction: command.reaction, people: [ME] }] };
        return {
          reactions: others.map((one) => (one === there ? { ...one, people: [...one.people, ME] } : one)),
        };
      });
    case 'close_chat_history':
      return { type: 'history', history: { ...chat.history, open: false } };
    default:
      return undefined;
  }
}
