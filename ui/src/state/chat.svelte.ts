import type { ChatMessage, ChatView, Reaction } from '../core/core';
import { fileName, firstLine, lastOwn, utcOffset } from './chat';
import { displayName, isolated } from './format';
import type { Session } from './session.svelte';
import { t } from '../words';

/** As many as one message takes; the engine counts again. */
export const MAX_LENGTH = 4_000;
/** What was written longer ago than this is history: whoever has just come need not be told of it. */
const NEWS_MS = 60_000;
/** One toast at a time. */
const TOAST = 'chat';

/** What the chat's screen reaches outside it. */
export interface Beside {
  /** What somebody who is here is called; `undefined` for whoever has left. */
  nameOf: (id: string) => string | undefined;
  /** Shows the chat. */
  open: () => void;
}

/** What only the window knows of the chat: what is being written, what is unread. */
export class ChatModel {
  /** What stands in the composer. */
  draft = $state('');
  /** For whom alone it is. */
  #to = $state<string>();
  #replyTo = $state<string>();
  #editing = $state<string>();
  unread = $state(0);
  /** The message whose actions are open. */
  chosen = $state<string>();
  busy = $state(false);

  readonly #session: Session;
  readonly #beside: Beside;
  /** Everything that was there already. */
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- nobody watches it
  #known = new Set<string>();
  /** What stood in the composer before a message was taken up again. */
  #kept = '';

  constructor(session: Session, beside: Beside) {
    this.#session = session;
    this.#beside = beside;
  }

  readonly #chat = $derived.by(() => this.#session.chat);
  readonly history = $derived.by(() => this.#chat?.history);
  /** What is replied to, and what is being changed. */
  readonly reply = $derived.by(() => this.message(this.#replyTo ?? null));
  readonly editing = $derived.by(() => this.message(this.#editing ?? null));
  /** Whom it is for, while they are here. */
  readonly to = $derived.by(() => {
    const to = this.#to;
    return to !== undefined && this.#beside.nameOf(to) !== undefined ? to : undefined;
  });
  /** Whoever it was for has left: sent to everybody it would be no secret any more. */
  readonly orphaned = $derived.by(() => this.#to !== undefined && this.to === undefined);

  nameOf(id: string): string {
    if (id === this.#chat?.me) return t('app.you');
    return this.#beside.nameOf(id) ?? displayName(this.#chat?.names[id] ?? '');
  }

  message(id: string | null): ChatMessage | undefined {
    return id === null ? undefined : this.#chat?.messages.find((message) => message.id === id);
  }

  /** The chat has changed. `seen`: it is on the screen. `now` in milliseconds since the Unix epoch. */
  follow(seen: boolean, now: number): void {
    const chat = this.#chat;
    const news = (chat?.messages ?? []).filter(({ id }) => !this.#known.has(id));
    for (const { id } of news) this.#known.add(id);
    const others = news.filter(({ author, text }) => author !== chat?.me && text !== null);
    if (seen) {
      this.unread = 0;
      return;
    }
    this.unread += others.length;
    const latest = others.findLast(({ at }) => Math.abs(now - at) < NEWS_MS);
    if (latest) this.#tell(latest);
  }

  #tell(message: ChatMessage): void {
    const who = isolated(this.nameOf(message.author));
    this.#session.toasts.show(
      {
        kind: 'info',
        code: TOAST,
        message:
          message.to === null
            ? t('call.chat_news', { name: who, text: isolated(firstLine(message)) })
            : t('call.chat_news_private', { name: who, text: isolated(firstLine(message)) }),
      },
      { label: t('call.open_chat'), run: () => this.#beside.open() },
    );
  }

  write(to: string | undefined): void {
    this.#to = to;
  }

  answer({ id, to, author }: ChatMessage): void {
    this.#leaveEditing();
    this.#replyTo = id;
    // What was said to one only is answered to them only.
    if (to !== null) this.#to = author === this.#chat?.me ? to : author;
    this.chosen = undefined;
  }

  edit({ id, text }: ChatMessage): void {
    if (text === null) return;
    if (this.#editing === undefined) this.#kept = this.draft;
    this.#replyTo = undefined;
    this.#editing = id;
    this.draft = text;
    this.chosen = undefined;
  }

  /** The key Up in an empty composer. Says whether there was something to change. */
  editLast(): boolean {
    const last = this.#chat && lastOwn(this.#chat);
    if (this.draft !== '' || this.#editing !== undefined || !last) return false;
    this.edit(last);
    return true;
  }

  /** Says whether there was something to give up. */
  cancel(): boolean {
    const some = this.#editing !== undefined || this.#replyTo !== undefined || this.#to !== undefined;
    this.#leaveEditing();
    this.#replyTo = undefined;
    this.#to = undefined;
    return some;
  }

  #leaveEditing(): void {
    if (this.#editing === undefined) return;
    this.#editing = undefined;
    this.draft = this.#kept;
    this.#kept = '';
  }

  async send(): Promise<void> {
    const text = this.draft;
    if (this.busy || text.trim() === '') return;
    if (this.orphaned && this.#editing === undefined) {
      this.tellOrphaned();
      return;
    }
    this.busy = true;
    const done = await this.#session.ask(
      this.#editing === undefined
        ? { type: 'send_chat', text, to: this.to ?? null, reply: this.#replyTo ?? null }
        : { type: 'edit_chat', id: this.#editing, text },
    );
    this.busy = false;
    // What was refused stays, to be mended; so does what was written meanwhile.
    if (!done || this.draft !== text) return;
    if (this.#editing === undefined) this.draft = '';
    else this.#leaveEditing();
    this.#replyTo = undefined;
  }

  tellOrphaned(): void {
    const message = t('call.chat_orphaned');
    this.#session.tell('error', 'chat_not_here', message);
  }

  remove({ id }: ChatMessage): void {
    this.chosen = undefined;
    if (this.#editing === id) this.#leaveEditing();
    void this.#session.ask({ type: 'delete_chat', id });
  }

  /** Says it, or takes it back. */
  react({ id, reactions }: ChatMessage, reaction: Reaction): void {
    const me = this.#chat?.me ?? '';
    const on = !reactions.some((one) => one.reaction === reaction && one.people.includes(me));
    this.chosen = undefined;
    void this.#session.ask({ type: 'react_to_chat', id, reaction, on });
  }

  closeHistory(): void {
    void this.#session.ask({ type: 'close_chat_history' });
  }

  /** Asks where, and saves it there. */
  async save(now: Date): Promise<void> {
    const saving = this.#session.core.saveChat(fileName(t('call.chat_file'), 'txt', now), utcOffset(now));
    const file = await this.#session.answered(saving);
    if (file) this.#session.tell('info', 'chat_saved', t('call.chat_saved', { file }));
  }

  /** Whether there is anything to save. */
  readonly empty = $derived.by(() => (this.#chat?.messages.length ?? 0) === 0);

  isOwn({ author }: ChatMessage): boolean {
    return author === this.#chat?.me;
  }

  mine(people: readonly string[]): boolean {
    return people.includes(this.#chat?.me ?? '');
  }

  /** For tests and views: all of it. */
  get view(): ChatView | null {
    return this.#chat;
  }
}
