import type { BoardElement, BoardNew } from '../../core/core';
import { boxOf, frameOf, type Frame } from './geometry';
import type { Host } from './host';
import { naturalSize, noteHeight, type Measure } from './text';
import { styleOf, type Choice } from './tools';

/** A text that is put down without a frame is at most so wide. */
const TEXT_WIDTH = 4_000;

/** A text or note that is being written. */
export interface Writing {
  /** Of what is changed; `undefined` for a new one. */
  id: string | undefined;
  kind: 'text' | 'note';
  frame: Frame;
  style: BoardElement['style'];
  text: string;
}

/** What writing needs of the board. */
interface Beside {
  readonly page: string | null;
  readonly choice: Choice;
  readonly measure: Measure;
  /** As it is shown here. */
  get(id: string): BoardElement | undefined;
  choose(ids: readonly string[]): void;
  remove(ids: readonly string[]): void;
  /** It is what is looked at now. */
  putDown(ids: readonly string[]): void;
  /** Says whether somebody else writes in it right now; then a toast tells who. */
  isTaken(id: string): boolean;
}

/** Texts and notes while they are written. */
export class Texts {
  writing = $state<Writing>();
  readonly #host: Host;
  readonly #beside: Beside;

  constructor(host: Host, beside: Beside) {
    this.#host = host;
    this.#beside = beside;
  }

  write(kind: 'text' | 'note', frame: Frame): void {
    this.#host.finish();
    const style = styleOf(kind, this.#beside.choice);
    this.writing = { id: undefined, kind, frame, style, text: '' };
    this.#beside.choose([]);
  }

  /** Takes up a text or a note that is there. */
  edit(id: string): void {
    const element = this.#beside.get(id);
    if (!element || (element.kind !== 'text' && element.kind !== 'note')) return;
    if (this.#beside.isTaken(id)) return;
    this.#host.finish();
    const { kind, frame, style, text } = element;
    this.writing = { id, kind, frame: frameOf(boxOf(frame)), style, text };
    this.#beside.choose([]);
    this.#host.saying.say({ editing: id });
  }

  /** What is written is put on the board; `false`: it is given up. */
  finish(keep = true): void {
    const { writing } = this;
    if (!writing) return;
    this.writing = undefined;
    this.#host.saying.say({ editing: null });
    const text = writing.text.trimEnd();
    const { id, kind, style } = writing;
    const before = id === undefined ? undefined : this.#host.store.get(id);
    if (!keep || (id !== undefined && !before) || text === before?.text) return;
    if (text === '' && kind === 'text') {
      if (id !== undefined) this.#beside.remove([id]);
      return;
    }
    const frame = this.frame({ ...writing, text });
    if (id === undefined) {
      const { page } = this.#beside;
      const made: BoardNew = { kind, page, points: [], frame, style, text, live: null };
      void this.#host.ask({ type: 'add', elements: [made] }).then((reply) => {
        if (reply?.type === 'drawn') this.#beside.putDown(reply.ids);
        // What was refused is not lost: it can be mended.
        else this.writing = { ...writing, text };
      });
      return;
    }
    const changes = [{ id, frame, style: null, text, order: null }];
    void this.#host.ask({ type: 'change', changes, gesture: null }).then((reply) => {
      if (!reply) this.writing = { ...writing, text };
    });
  }

  /** As large as what it says needs. */
  frame({ kind, frame, style, text }: Writing): Frame {
    const [x, y, width, height] = frame;
    const { measure } = this.#beside;
    if (kind === 'note') return [x, y, width, Math.max(height, noteHeight(text, width, style.size, measure))];
    const most = width > 0 ? width : TEXT_WIDTH;
    const size = naturalSize(text, style.size, most, measure);
    return [x, y, width > 0 ? width : size.width, size.height];
  }
}
