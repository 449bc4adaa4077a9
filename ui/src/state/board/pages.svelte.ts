import type { BoardNew } from '../../core/core';
import type { Host } from './host';
import type { Looking } from './looking.svelte';
import { styleOf, type Choice } from './tools';
import { t } from '../../words';

/** What the pages need of the board. */
interface Beside {
  readonly choice: Choice;
  /** What is chosen is on another page. */
  choose(ids: readonly string[]): void;
}

/** The pages of the board, and which is looked at. */
export class Pages {
  readonly #host: Host;
  readonly #looking: Looking;
  readonly #beside: Beside;
  #page = $state.raw<string | null>(null);

  constructor(host: Host, looking: Looking, beside: Beside) {
    this.#host = host;
    this.#looking = looking;
    this.#beside = beside;
  }

  /** The first is always there: `null`. */
  readonly all = $derived.by((): readonly (string | null)[] => {
    void this.#host.store.version;
    return [null, ...this.#host.store.on(undefined)];
  });
  /** The one that is looked at; the first when somebody deleted it. */
  readonly page = $derived.by(() => (this.all.includes(this.#page) ? this.#page : null));
  readonly number = $derived.by(() => this.all.indexOf(this.page) + 1);
  /** How many things are on it. */
  readonly count = $derived.by(() => {
    void this.#host.store.version;
    return this.#host.store.on(this.page).length;
  });
  /** Who of the others draws on another page. */
  readonly elsewhere = $derived.by(() => {
    const { store } = this.#host;
    void store.presence;
    return store.drawing.flatMap((peer) => {
      const page = store.peers.get(peer)?.page;
      const number = page === undefined ? 0 : this.all.indexOf(page) + 1;
      return page !== undefined && number > 0 && page !== this.page ? [{ peer, page, number }] : [];
    });
  });

  turn(by: number): void {
    const page = this.all[this.number - 1 + by];
    if (page !== undefined) this.show(page);
  }

  show(page: string | null): void {
    this.#host.finish();
    this.#page = page;
    this.#beside.choose([]);
    this.#looking.fit();
    this.#host.saying.say({ page: this.page, pointer: null });
    this.#host.speak(t('board.page_of', { number: this.number, count: this.all.length }));
  }

  async add(): Promise<void> {
    this.#host.finish();
    const style = styleOf('text', this.#beside.choice);
    const made: BoardNew = {
      kind: 'page',
      page: null,
      points: [],
      frame: [0, 0, 0, 0],
      style,
      text: '',
      live: null,
    };
    const reply = await this.#host.ask({ type: 'add', elements: [made] });
    if (reply?.type !== 'drawn') return;
    const [id] = reply.ids;
    // The page may be told of a moment after it was made.
    if (id !== undefined) {
      this.#page = id;
      this.#beside.choose([]);
      this.#looking.set({ x: 0, y: 0, zoom: 1 });
      this.#host.saying.say({ page: id, pointer: null });
    }
  }

  /** The page with all that is on it. The first is always there: it is emptied. */
  remove(): void {
    const { page } = this;
    if (page === null) this.clear(false);
    else void this.#host.ask({ type: 'remove', ids: [page], gesture: null });
  }

  clear(own: boolean): void {
    this.#host.finish();
    void this.#host.ask({ type: 'clear', page: this.page, own });
  }
}
