import type { Drag, OutgoingFile, Taken } from '../core';
import type { Command } from '../generated/Command';
import type { FileItem } from '../generated/FileItem';
import type { FileOffer } from '../generated/FileOffer';
import type { FilesChange } from '../generated/FilesChange';
import type { FileState } from '../generated/FileState';
import type { FilesView } from '../generated/FilesView';
import type { FileTransfer } from '../generated/FileTransfer';

const MB = 1_000_000;
const MINUTE_MS = 60_000;

export function item(name: string, bytes: number, change: Partial<FileItem> = {}): FileItem {
  return { name, folder: false, files: 1, bytes, program: false, ...change };
}

export function transfer(state: FileState, change: Partial<FileTransfer> = {}): FileTransfer {
  return {
    peer: 'a',
    name: 'Ada Lovelace',
    state,
    verified: 0,
    speed: 0,
    secondsLeft: null,
    problem: null,
    resumable: state === 'paused',
    ...change,
  };
}

/** Somebody else's, to us; its sums are those of its items. */
export function offer(id: string, items: FileItem[], change: Partial<FileOffer> = {}): FileOffer {
  return {
    id,
    ours: false,
    author: 'a',
    authorName: 'Ada Lovelace',
    at: Date.now() - MINUTE_MS,
    number: 2,
    to: null,
    items,
    files: items.reduce((sum, { files }) => sum + files, 0),
    bytes: items.reduce((sum, { bytes }) => sum + bytes, 0),
    program: items.some(({ program }) => program),
    free: 58_000 * MB,
    fits: true,
    folder: 'Downloads',
    hash: null,
    transfers: [transfer('offered')],
    ...change,
  };
}

const own = { ours: true, author: 'me', authorName: '', free: null, folder: null };
const hash = 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262';

/** What is offered to us, in the states in which a person has something to decide or to wait for. */
export function someFiles(): FilesView {
  return {
    offers: [
      offer('valve', [item('valve.pdf', 2.4 * MB)], {
        number: 2,
        hash,
        transfers: [transfer('done', { verified: 2.4 * MB })],
      }),
      offer('talk', [item('Talk about the analytical engine, second recording.mp4', 812 * MB)], {
        number: 4,
        at: Date.now() - 5 * MINUTE_MS,
        transfers: [transfer('running', { verified: 305 * MB, speed: 11.2 * MB, secondsLeft: 45 })],
      }),
      offer(
        'new',
        [
          item('Sketches', 148 * MB, { folder: true, files: 36 }),
          item('valve, second version.pdf', 2.6 * MB),
          item('notes.txt', 812),
          item('prices.xlsx', 84_000),
          item('IMG_2041.jpeg', 4.1 * MB),
        ],
        {
          author: 'b',
          authorName: 'Grace',
          number: 8,
          transfers: [transfer('offered', { peer: 'b', name: 'Grace' })],
        },
      ),
    ],
  };
}

/** Everything that can be the matter with what is offered to us. */
export function troubledFiles(): FilesView {
  const problem = (code: string, message: string) => ({ problem: { code, message } });
  return {
    offers: [
      offer('setup', [item('tincan-player-setup.pdf.exe', 38 * MB, { program: true })], { number: 8 }),
      offer('disk', [item('disk image.iso', 61_400 * MB)], {
        number: 8,
        fits: false,
        free: 12_300 * MB,
        to: 'me',
      }),
      offer('full', [item('Holiday.zip', 4_200 * MB)], {
        number: 8,
        transfers: [
          transfer('failed', {
            verified: 3_100 * MB,
            resumable: true,
            ...problem(
              'disk_full',
              'The disk is full. Make room, then try again: what is here already is kept.',
            ),
          }),
        ],
      }),
      offer('away', [item('interview.wav', 640 * MB)], {
        number: 8,
        transfers: [transfer('away', { verified: 120 * MB })],
      }),
      offer('back', [item('draft.odt', 44_000)], { number: 8, transfers: [transfer('withdrawn')] }),
    ],
  };
}

/** What we offer: to everybody, each of whom is at another place, and to one. */
export function ownFiles(): FilesView {
  const to = (peer: string, name: string, state: FileState, change: Partial<FileTransfer> = {}) =>
    transfer(state, { peer, name, ...change });
  return {
    offers: [
      offer('one', [item('budget.ods', 96_000)], {
        ...own,
        to: 'b',
        number: 4,
        hash,
        transfers: [to('b', 'Grace', 'done', { verified: 96_000 })],
      }),
      offer('all', [item('Rehearsal.mov', 1_240 * MB)], {
        ...own,
        number: 8,
        transfers: [
          to('a', 'Ada Lovelace', 'running', { verified: 620 * MB, speed: 8.4 * MB, secondsLeft: 74 }),
          to('b', 'Grace', 'done', { verified: 1_240 * MB }),
          to('c', 'Somebody with a rather long name, as there are', 'offered'),
          to('z', 'Donald', 'away', { verified: 40 * MB }),
        ],
      }),
      offer('later', [item('Photographs', 2_310 * MB, { folder: true, files: 412 })], {
        ...own,
        number: 8,
        transfers: [to('a', 'Ada Lovelace', 'paused_by_them', { verified: 210 * MB })],
      }),
    ],
  };
}

/** What a command makes of the files. */
export function inFiles(files: FilesView, command: Command): FilesChange | undefined {
  if (!('offer' in command)) return undefined;
  const known = files.offers.find(({ id }) => id === command.offer);
  if (!known) return undefined;
  const peer = 'peer' in command ? command.peer : null;
  const move = (change: (one: FileTransfer) => Partial<FileTransfer>): FilesChange => ({
    type: 'offer',
    offer: {
      ...known,
      transfers: known.transfers.map((one) =>
        peer === null || one.peer === peer ? { ...one, ...change(one) } : one,
      ),
    },
  });
  switch (command.type) {
    case 'accept_files':
      return move(() => ({
        state: 'running',
        speed: 9.6 * MB,
        secondsLeft: Math.ceil(known.bytes / 9.6 / MB),
      }));
    case 'decline_files':
      return move(() => ({ state: 'declined' }));
    case 'pause_files':
      return move(() => ({ state: 'paused', speed: 0, secondsLeft: null, resumable: true }));
    case 'resume_files':
      return move(() => ({ state: 'running', speed: 4 * MB, problem: null, resumable: false }));
    case 'cancel_files':
      return move(({ state }) => (state === 'done' ? {} : { state: 'cancelled', resumable: false }));
    case 'forget_files':
      return { type: 'dropped', offer: command.offer };
    default:
      return undefined;
  }
}

/** The shell's part: what a person chooses is made up. */
export class MockShell {
  #last = 0;
  /** Not offered yet. */
  readonly #files = new Map<number, OutgoingFile>();

  #one(name: string, bytes: number | null): OutgoingFile {
    this.#last += 1;
    const file = { id: this.#last, name, bytes, folder: bytes === null };
    this.#files.set(file.id, file);
    return file;
  }

  choose(folders: boolean): Taken {
    const files = folders
      ? [this.#one('Photographs', null)]
      : [
          this.#one('Rehearsal, the second one with the whole orchestra.mov', 1_240 * MB),
          this.#one('budget.ods', 96_000),
        ];
    return { files, problem: null };
  }

  paste(picture: Uint8Array): OutgoingFile {
    return this.#one('Pasted picture 1.png', picture.length);
  }

  discard(ids: readonly number[]): void {
    for (const id of ids) this.#files.delete(id);
  }

  /** They are offered, after the message with this number. */
  offer(ids: readonly number[], to: string | null, number: number): FilesChange {
    const items = ids.flatMap((id) => {
      const file = this.#files.get(id);
      return file
        ? [item(file.name, file.bytes ?? 310 * MB, { folder: file.folder, files: file.folder ? 52 : 1 })]
        : [];
    });
    this.discard(ids);
    const transfers = to === null ? [transfer('offered')] : [transfer('offered', { peer: to })];
    return {
      type: 'offer',
      offer: offer(`ours-${ids.join('-')}`, items, { ...own, to, number, at: Date.now(), transfers }),
    };
  }
}

/** There are no files to drag over a page in a test: an event of the page stands for them. */
export function onMockDrag(callback: (drag: Drag) => void): void {
  addEventListener('mock-drag', (event) => callback((event as CustomEvent<Drag>).detail));
}
