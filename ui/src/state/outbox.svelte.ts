import {
  asCommandError,
  type Core,
  type Drag,
  type Notice,
  type OutgoingFile,
  type Taken,
} from '../core/core';
import { sentence, t } from '../words';

/** A file that is about to be offered. */
export interface Outgoing extends OutgoingFile {
  /** Of a pasted picture: where the page shows it from. */
  preview?: string;
}

/** The largest picture that the shell keeps; it counts again. */
const MAX_PICTURE = 64 * 1024 * 1024;

/** What the outbox reaches outside it. */
export interface Tell {
  (kind: Notice['kind'], code: string, message: string): void;
}

/**
 * What a person chose, dropped or pasted, until they send it or put it away. It is sent by the same press as what is written,
 * so a file that was dropped by mistake has gone nowhere.
 */
export class Outbox {
  files = $state.raw<readonly Outgoing[]>([]);
  /** How many files are dragged over the window. */
  dragged = $state<number>();
  /** A dialog is open, or something is being kept or sent. */
  busy = $state(false);
  /** What takes files now; nothing does outside a call. */
  #taker: (() => void) | undefined;

  readonly #core: Core;
  readonly #tell: Tell;

  constructor(core: Core, tell: Tell) {
    this.#core = core;
    this.#tell = tell;
  }

  readonly empty = $derived(this.files.length === 0);

  /** A call takes files from now on; `taken` is called when there are new ones. Returns how it stops. */
  open(taken: () => void): () => void {
    this.#taker = taken;
    return () => {
      this.#taker = undefined;
      this.clear();
    };
  }

  drag(drag: Drag): void {
    this.dragged = drag.type === 'over' ? drag.count : undefined;
    if (drag.type === 'dropped') this.#take(drag.taken);
  }

  choose(folders: boolean): Promise<void> {
    return this.#during(async () => this.#take(await this.#core.chooseFiles(folders)));
  }

  /**
   * What was pasted and is no text. The shell looks at the clipboard first: it knows copied files by their places. Where it
   * finds nothing there is the picture that the page was given, if it was given one.
   */
  paste(picture: Blob | undefined): Promise<void> {
    return this.#during(async () => {
      const taken = await this.#core.pasteClipboard();
      const shown = taken.files.length === 1 ? picture : undefined;
      if (taken.files.length > 0 || !picture) this.#take(taken, shown);
      else this.#take({ files: [await this.#keep(picture)], problem: null }, picture);
    });
  }

  async #keep(picture: Blob): Promise<OutgoingFile> {
    if (picture.size > MAX_PICTURE) {
      throw {
        code: 'picture_too_large',
        message: t('files.picture_too_large'),
      };
    }
    return this.#core.pastePicture(new Uint8Array(await picture.arrayBuffer()));
  }

  #take({ files, problem }: Taken, picture?: Blob): void {
    if (files.length > 0 && !this.#taker) {
      void this.#discard(files);
      this.#tell('hint', 'no_call', t('files.need_call'));
      return;
    }
    const shown = (file: OutgoingFile) =>
      picture ? { ...file, preview: URL.createObjectURL(picture) } : file;
    this.files = [...this.files, ...files.map(shown)];
    if (problem !== null) this.#tell('hint', problem.code, sentence(problem));
    if (files.length > 0) this.#taker?.();
  }

  /** Offers all of it. Says whether that was done; what was refused stays, to be sent to somebody else. */
  async send(to: string | undefined): Promise<boolean> {
    const { files } = this;
    let sent = false;
    await this.#during(async () => {
      await this.#core.offerFiles(
        files.map(({ id }) => id),
        to ?? null,
      );
      sent = true;
    });
    if (sent) {
      forget(files);
      // What was chosen meanwhile stays.
      this.files = this.files.filter((file) => !files.includes(file));
    }
    return sent;
  }

  discard(id: number): void {
    const gone = this.files.filter((file) => file.id === id);
    this.files = this.files.filter((file) => file.id !== id);
    void this.#discard(gone);
  }

  clear(): void {
    const gone = this.files;
    this.files = [];
    this.dragged = undefined;
    if (gone.length > 0) void this.#discard(gone);
  }

  async #discard(files: readonly Outgoing[]): Promise<void> {
    forget(files);
    // The shell puts the rest away when it ends.
    await this.#core.discardFiles(files.map(({ id }) => id)).catch(() => undefined);
  }

  async #during(work: () => Promise<void>): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    try {
      await work();
    } catch (thrown) {
      const error = asCommandError(thrown);
      this.#tell('error', error.code, sentence(error));
    } finally {
      this.busy = false;
    }
  }
}

function forget(files: readonly Outgoing[]): void {
  for (const { preview } of files) if (preview !== undefined) URL.revokeObjectURL(preview);
}

/** What a paste brings, as the page sees it. */
export interface Pasted {
  types: readonly string[];
  files: readonly File[];
  text: string;
}

/** What is to be done with a paste: `'text'` is for the field that has the focus. */
export function pasteOf({ types, files, text }: Pasted): 'text' | { picture: Blob | undefined } {
  // What is copied in a browser has an address too; what is copied in a file manager has its files' names as text.
  if (text !== '' && !types.includes('Files')) return 'text';
  // Programs that copy a table or a drawing give a picture of it besides: whoever pastes text means the text.
  if (text !== '' && types.includes('text/html')) return 'text';
  return { picture: files.find(({ type }) => type.startsWith('image/')) };
}
