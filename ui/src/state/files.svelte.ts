import type { FileOffer, FilesView, FileTransfer } from '../core/core';
import { isOver, news, newsSays, timeline, title, type FileAction, type FileNews, type Place } from './files';
import { displayName, isolated } from './format';
import type { Session } from './session.svelte';
import { t } from '../words';

/** What was offered longer ago need not be told: it is only counted. */
const NEWS_MS = 60_000;
/** One toast at a time. */
const TOAST = 'files';

/** What the files' screen reaches outside it. */
export interface Beside {
  /** What somebody who is here is called; `undefined` for whoever has left. */
  nameOf: (id: string) => string | undefined;
  /** Shows the chat, where offers stand. */
  open: () => void;
}

/** What only the window knows of the files in a call: what is unread, what is told, what waits for an answer. */
export class FilesModel {
  unread = $state(0);
  /** What whoever reads by ear is told: what happened, never how far something is. */
  said = $state('');
  /** Offers whose dialog or command is under way. */
  #busy = $state.raw<readonly string[]>([]);
  /** What is asked about before it is cancelled. */
  asked = $state<string>();

  readonly #session: Session;
  readonly #beside: Beside;
  #followed: FilesView | undefined;

  constructor(session: Session, beside: Beside) {
    this.#session = session;
    this.#beside = beside;
  }

  readonly #offers = $derived.by(() => this.#session.files.offers);
  // As text: how far something is changes four times a second, where it stands does not.
  readonly #order = $derived(JSON.stringify(this.#offers.map(({ id, number, at }) => ({ id, number, at }))));
  readonly #places = $derived(JSON.parse(this.#order) as Place[]);
  /** The chat with the offers in it. */
  readonly entries = $derived.by(() => timeline(this.#session.chat, this.#places));
  /** The newest first. */
  readonly ids = $derived(this.#places.map(({ id }) => id).reverse());
  readonly count = $derived(this.#places.length);

  offer(id: string): FileOffer | undefined {
    return this.#offers.find((offer) => offer.id === id);
  }

  /** What the other side of a transfer is called. */
  nameOf({ peer, name }: FileTransfer): string {
    return this.#beside.nameOf(peer) ?? displayName(name);
  }

  authorOf({ ours, author, authorName }: FileOffer): string {
    return ours ? t('app.you') : (this.#beside.nameOf(author) ?? displayName(authorName));
  }

  isBusy({ id }: FileOffer): boolean {
    return this.#busy.includes(id);
  }

  /** The files have changed. `seen`: they are on the screen. `now` in milliseconds since the Unix epoch. */
  follow(seen: boolean, now: number): void {
    const files = this.#session.files;
    const before = this.#followed;
    if (files !== before) {
      this.#followed = files;
      const told = news(before, files);
      const offered = told.filter(({ kind }) => kind === 'offered');
      this.unread += offered.length;
      // What stood there when the call began is counted and not told.
      const fresh = told.filter(
        ({ kind, offer }) => kind !== 'offered' || Math.abs(now - offer.at) < NEWS_MS,
      );
      this.#tell(fresh, seen);
    }
    if (seen) this.unread = 0;
  }

  #tell(told: readonly FileNews[], seen: boolean): void {
    const latest = told.at(-1);
    if (!latest) return;
    this.said = told.map((one) => newsSays(one, this.nameOf(one.transfer))).join(' ');
    if (seen) return;
    // That somebody has what we sent can be read in the chat.
    const shown = told.findLast(({ kind }) => kind !== 'sent');
    if (!shown) return;
    const { id } = shown.offer;
    this.#session.toasts.show(
      {
        kind: shown.kind === 'wrong' ? 'hint' : 'info',
        code: `${TOAST}_${id}`,
        message: newsSays(shown, this.nameOf(shown.transfer)),
      },
      shown.kind === 'here'
        ? { label: t('files.show_in_its_folder'), run: () => void this.press(shown.offer, 'reveal', null) }
        : { label: t('call.open_chat'), run: () => this.#beside.open() },
    );
  }

  // ── What a person does ───────────────────────────────────────────────────────────────────────────────────────

  /**
   * A button of an offer, or of one of its transfers. What would be lost is asked about first: the same button pressed again,
   * under its other words, means it.
   */
  press(offer: FileOffer, action: FileAction, transfer: FileTransfer | null): Promise<void> {
    const key = keyOf(offer, transfer);
    if (action === 'cancel' && loses(offer, transfer) && this.asked !== key) {
      this.asked = key;
      return Promise.resolve();
    }
    this.asked = undefined;
    return this.#during(offer.id, () => this.#act(offer, action, transfer));
  }

  /** Whether the person is asked whether they mean it. */
  isAsked(offer: FileOffer, transfer: FileTransfer | null): boolean {
    return this.asked === keyOf(offer, transfer);
  }

  keep(): void {
    this.asked = undefined;
  }

  #act(offer: FileOffer, action: FileAction, transfer: FileTransfer | null): Promise<unknown> {
    const { core } = this.#session;
    const { id } = offer;
    // Of what is offered to us there is one transfer only; what goes to one only ends for everybody, also for who comes later.
    const peer = offer.ours && offer.transfers.length > 1 ? (transfer?.peer ?? null) : null;
    switch (action) {
      case 'accept':
        return this.#session.ask({ type: 'accept_files', offer: id, folder: null, file: null });
      case 'save-as': {
        const [only] = offer.items;
        const single = offer.items.length === 1 && only?.folder === false ? only.name : null;
        return this.#session.told(core.acceptFilesAs(id, single));
      }
      case 'decline':
        return this.#session.ask({ type: 'decline_files', offer: id });
      case 'pause':
        return this.#session.ask({ type: 'pause_files', offer: id, peer });
      case 'resume':
        return this.#session.ask({ type: 'resume_files', offer: id, peer });
      case 'cancel':
        return this.#session.ask({ type: 'cancel_files', offer: id, peer });
      case 'reveal':
        return this.#session.told(core.revealFiles(id));
    }
  }

  forget({ id }: FileOffer): Promise<void> {
    return this.#during(id, () => this.#session.ask({ type: 'forget_files', offer: id }));
  }

  async copyHash(offer: FileOffer, copy: (text: string) => Promise<boolean>): Promise<void> {
    if (offer.hash === null) return;
    if (await copy(offer.hash)) {
      const what = isolated(title(offer));
      this.#session.tell('info', 'copied', t('files.hash_copied', { what }));
    } else {
      this.#session.tell('error', 'copy_failed', t('app.copy_failed'));
    }
  }

  async #during(id: string, work: () => Promise<unknown>): Promise<void> {
    if (this.#busy.includes(id)) return;
    this.#busy = [...this.#busy, id];
    try {
      await work();
    } finally {
      this.#busy = this.#busy.filter((one) => one !== id);
    }
  }
}

function keyOf(offer: FileOffer, transfer: FileTransfer | null): string {
  return transfer === null ? offer.id : `${offer.id} ${transfer.peer}`;
}

/** Whether cancelling removes something that somebody has got already. */
function loses(offer: FileOffer, transfer: FileTransfer | null): boolean {
  const ended = transfer === null ? offer.transfers : [transfer];
  return ended.some((one) => !isOver(one) && one.verified > 0) || ended.some(failedHalfWay);
}

function failedHalfWay({ state, resumable, verified }: FileTransfer): boolean {
  return state === 'failed' && resumable && verified > 0;
}
