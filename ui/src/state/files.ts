import type { ChatView, FileItem, FileOffer, FilesChange, FilesView, FileTransfer } from '../core/core';
import { groups, type Group } from './chat';
import { filesSay, isolated } from './format';
import { number, sentence, t } from '../words';

/** What one change makes of the files; the same as the engine makes of its own. */
export function changed(files: FilesView, change: FilesChange): FilesView {
  switch (change.type) {
    case 'all':
      return change.files;
    case 'offer': {
      const known = files.offers.some(({ id }) => id === change.offer.id);
      const offers = known
        ? files.offers.map((one) => (one.id === change.offer.id ? change.offer : one))
        : [...files.offers, change.offer];
      return { offers };
    }
    case 'progress': {
      const moved = new Map(change.moved.map((one) => [`${one.offer} ${one.peer}`, one]));
      const goesOn = (offer: string, transfer: FileTransfer): FileTransfer => {
        const one = moved.get(`${offer} ${transfer.peer}`);
        return one
          ? { ...transfer, verified: one.verified, speed: one.speed, secondsLeft: one.secondsLeft }
          : transfer;
      };
      // An offer that does not move stays the same object: nothing of it is drawn again.
      const touched = new Set(change.moved.map(({ offer }) => offer));
      return {
        offers: files.offers.map((one) =>
          touched.has(one.id)
            ? { ...one, transfers: one.transfers.map((transfer) => goesOn(one.id, transfer)) }
            : one,
        ),
      };
    }
    case 'dropped':
      return { offers: files.offers.filter(({ id }) => id !== change.offer) };
  }
}

/** Where an offer stands among messages. */
export type Place = Pick<FileOffer, 'id' | 'number' | 'at'>;

/** What stands in the chat: messages of one person, or an offer of files. */
export type Entry =
  { key: string; group: Group; offer?: never } | { key: string; offer: string; group?: never };

/** The chat with the offers where they were made: after every message that was there by then. */
export function timeline(chat: ChatView | null, places: readonly Place[]): Entry[] {
  const waiting = [...places].sort((a, b) => a.number - b.number || a.at - b.at);
  const found: Entry[] = [];
  const put = ({ id }: Place) => found.push({ key: `offer-${id}`, offer: id });
  for (const group of chat ? groups(chat, new Set(waiting.map(({ number }) => number))) : []) {
    const first = group.messages[0]?.number ?? 0;
    const before = waiting.findIndex(({ number }) => number >= first);
    waiting.splice(0, before < 0 ? waiting.length : before).forEach(put);
    found.push({ key: group.key, group });
  }
  waiting.forEach(put);
  return found;
}

// ── Sizes and times ────────────────────────────────────────────────────────────────────────────────────────────────

/** `512 bytes`, `2.4 MB`: in powers of a thousand, as disks and file managers count. */
export function size(bytes: number): string {
  return inUnit(scaled(bytes));
}

interface Scaled {
  /** As it is read. */
  value: string;
  /** How many thousands of thousands of bytes: kB, MB, GB, TB; 0 are bytes. */
  unit: number;
  count: number;
}

const LARGEST = 4;

function scaled(bytes: number): Scaled {
  let value = bytes;
  let unit = 0;
  // What would be rounded to a thousand is one of the next.
  while (value >= (unit === 0 ? 1_000 : 999.5) && unit < LARGEST) {
    value /= 1_000;
    unit += 1;
  }
  return { value: unit === 0 ? number(value) : digits(value), unit, count: bytes };
}

function inUnit({ value, unit, count }: Scaled): string {
  switch (unit) {
    case 0:
      return t('files.bytes', { count, value });
    case 1:
      return t('files.kilobytes', { value });
    case 2:
      return t('files.megabytes', { value });
    case 3:
      return t('files.gigabytes', { value });
    default:
      return t('files.terabytes', { value });
  }
}

/** Two digits at least, and no more behind the point than one can see moving. */
function digits(value: number): string {
  return value < 9.95 ? number(value, 1) : number(value);
}

/** `1.2 of 2.4 MB`; both units where they differ. */
export function share(bytes: number, of: number): string {
  const [part, all] = [scaled(bytes), scaled(of)];
  const short = part.unit === all.unit && (part.unit > 0 || of !== 1);
  return t('files.part_of', { part: short ? part.value : inUnit(part), all: inUnit(all) });
}

/** `3.1 MB/s`. */
export function pace(speed: number): string {
  return t('files.pace', { size: size(speed) });
}

/** `12 s left`, `3 min left`: as coarse as it is uncertain. */
export function left(seconds: number): string {
  if (seconds < 5) return t('files.left_little');
  if (seconds < 60) {
    return t('files.left_seconds', { seconds: seconds < 20 ? seconds : Math.round(seconds / 5) * 5 });
  }
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return t('files.left_minutes', { minutes });
  const hours = Math.floor(minutes / 60);
  const rest = hours < 10 ? Math.round((minutes % 60) / 5) * 5 : 0;
  if (rest === 0 || rest === 60) return t('files.left_hours', { hours: rest === 60 ? hours + 1 : hours });
  return t('files.left_hours_minutes', { hours, minutes: rest });
}

// ── What an offer is called ────────────────────────────────────────────────────────────────────────────────────────

/** `valve.pdf`, `3 files`: for where there is one line. */
export function title({ items, files }: Pick<FileOffer, 'items' | 'files'>): string {
  const [only] = items;
  return only && items.length === 1 ? only.name : filesSay(Math.max(files, items.length));
}

/** How much it is: `2.4 MB`, `120 files, 2.4 GB`. */
export function amount({ items, files, bytes }: Pick<FileOffer, 'items' | 'files' | 'bytes'>): string {
  const isFile = items.length === 1 && items[0]?.folder === false;
  return isFile ? size(bytes) : t('files.amount', { files: filesSay(files), size: size(bytes) });
}

/** The same of a part of it. */
export function itemSays({ folder, files, bytes }: FileItem): string {
  return folder ? t('files.folder_amount', { files: filesSay(files), size: size(bytes) }) : size(bytes);
}

/** How many are at the top of an offer that its list does not name. */
export function unnamed({ items, files }: Pick<FileOffer, 'items' | 'files'>): number {
  const named = items.reduce((sum, item) => sum + item.files, 0);
  return Math.max(0, files - named);
}

// ── Where it stands ────────────────────────────────────────────────────────────────────────────────────────────────

const OVER: ReadonlySet<FileTransfer['state']> = new Set([
  'done',
  'declined',
  'cancelled',
  'withdrawn',
  'failed',
  'cannot',
]);

/** Whether nothing happens any more unless somebody does something. */
export function isOver({ state }: Pick<FileTransfer, 'state'>): boolean {
  return OVER.has(state);
}

/** Whether there is a bar to draw: something was accepted and is not there yet. */
export function isUnderWay({ state }: Pick<FileTransfer, 'state'>): boolean {
  return ['preparing', 'running', 'paused', 'paused_by_them', 'away'].includes(state);
}

/** How much of it is there, from 0 to 1. Of nothing all is there. */
export function done(offer: Pick<FileOffer, 'bytes'>, transfer: Pick<FileTransfer, 'verified'>): number {
  return offer.bytes === 0 ? 1 : Math.min(1, transfer.verified / offer.bytes);
}

/** What becomes of it, as a sentence or less. `name` is the other side's. */
export function says(offer: FileOffer, transfer: FileTransfer, name: string): string {
  const who = isolated(name);
  const far = share(transfer.verified, offer.bytes);
  switch (transfer.state) {
    case 'offered':
      return offer.ours ? t('files.undecided', { name: who }) : where(offer);
    case 'preparing':
      return transfer.verified > 0 ? t('files.looking', { far }) : t('files.preparing');
    case 'running':
      return [
        far,
        ...(transfer.speed > 0 ? [pace(transfer.speed)] : []),
        ...(transfer.speed > 0 && transfer.secondsLeft !== null ? [left(transfer.secondsLeft)] : []),
      ].join(' · ');
    case 'paused':
      return t('files.paused', { far });
    case 'paused_by_them':
      return transfer.problem ? sentence(transfer.problem) : t('files.paused_by', { name: who, far });
    case 'away':
      return t('files.away', { name: who, far });
    case 'done':
      return offer.ours ? t('files.has_it', { name: who }) : into(offer);
    case 'declined':
      return offer.ours ? t('files.not_wanted', { name: who }) : t('files.declined');
    case 'cancelled':
      return offer.ours ? t('files.took_back') : t('files.cancelled');
    case 'withdrawn':
      return offer.ours ? t('files.cancelled_by', { name: who }) : t('files.took_back_by', { name: who });
    case 'failed':
      return transfer.problem ? sentence(transfer.problem) : t('files.failed');
    case 'cannot':
      return offer.ours ? t('files.they_cannot', { name: who }) : t('files.we_cannot');
  }
}

/** The same for one receiver of several, whose name stands before it. */
export function saysAmong(offer: FileOffer, transfer: FileTransfer): string {
  const far = share(transfer.verified, offer.bytes);
  switch (transfer.state) {
    case 'offered':
      return t('files.among_undecided');
    case 'paused':
      return t('files.among_paused', { far });
    case 'paused_by_them':
      return transfer.problem ? sentence(transfer.problem) : t('files.among_paused_by', { far });
    case 'away':
      return t('files.among_away', { far });
    case 'done':
      return t('files.among_has_it');
    case 'declined':
      return t('files.among_not_wanted');
    case 'cancelled':
      return t('files.among_stopped');
    case 'withdrawn':
      return t('files.among_stopped_by');
    case 'cannot':
      return t('files.among_cannot');
    case 'preparing':
    case 'running':
    case 'failed':
      return says(offer, transfer, transfer.name);
  }
}

/** What a receiver knows before they decide. */
function where({ free, fits, folder, bytes }: FileOffer): string {
  const place = folder === null ? 'none' : 'named';
  const values = { place, folder: folder === null ? '' : isolated(folder) };
  if (!fits && free === null) {
    return t('files.little_room', values);
  }
  if (!fits) {
    return t('files.little_free', { ...values, size: size(free ?? 0) });
  }
  if (free === null || bytes === 0) {
    return t('files.goes_to', {
      place,
      folder: folder ?? '',
    });
  }
  return t('files.free', {
    ...values,
    size: size(free),
  });
}

function into({ folder }: FileOffer): string {
  return folder === null ? t('files.verified') : t('files.verified_in', { folder: isolated(folder) });
}

/** Whether it needs to be looked at. */
export function isWrong({ state, problem }: Pick<FileTransfer, 'state' | 'problem'>): boolean {
  return state === 'failed' || state === 'cannot' || (problem !== null && state !== 'done');
}

// ── What can be done ───────────────────────────────────────────────────────────────────────────────────────────────

export type FileAction = 'accept' | 'save-as' | 'decline' | 'pause' | 'resume' | 'cancel' | 'reveal';

/** What a person may do with one transfer, in the order of the buttons. */
export function actions(offer: FileOffer, transfer: FileTransfer): FileAction[] {
  const { state, resumable } = transfer;
  switch (state) {
    case 'offered':
      return offer.ours ? ['cancel'] : ['accept', 'save-as', 'decline'];
    case 'preparing':
    case 'running':
      return ['pause', 'cancel'];
    case 'paused':
      return ['resume', 'cancel'];
    case 'paused_by_them':
    case 'away':
      return ['cancel'];
    case 'failed':
      return resumable ? ['resume', 'cancel'] : [];
    case 'done':
      return offer.ours ? [] : ['reveal'];
    case 'declined':
    case 'cancelled':
    case 'withdrawn':
    case 'cannot':
      return [];
  }
}

/** Whether our own offer still goes to somebody, or may. */
export function canTakeBack({ ours, to, transfers }: FileOffer): boolean {
  // Who comes later gets what is for everybody.
  const waits = to === null && !transfers.some(({ state }) => state === 'cancelled');
  return ours && (transfers.some((one) => !isOver(one)) || waits);
}

/** Whether it can be put away: nothing of it moves, or may be tried again. */
export function canForget(offer: FileOffer): boolean {
  const ended = (one: FileTransfer) => isOver(one) && !(one.state === 'failed' && one.resumable);
  return offer.transfers.every(ended) && !canTakeBack(offer);
}

/** How many receivers there are in each state, for one line above them: `2 have it, 1 on its way`. */
export function summary({ transfers }: Pick<FileOffer, 'transfers'>): string {
  const count = (...states: FileTransfer['state'][]) =>
    transfers.filter(({ state }) => states.includes(state)).length;
  const parts = [
    ['has', count('done')],
    ['gets', count('preparing', 'running')],
    ['waits', count('paused', 'paused_by_them', 'away')],
    ['undecided', count('offered')],
    ['unwanted', count('declined', 'withdrawn')],
    ['failed', count('failed', 'cannot')],
  ] as const;
  return parts
    .filter(([, of]) => of > 0)
    .map(([state, of]) => t('files.summary', { state, count: of }))
    .join(t('app.comma'));
}

/** Whether something moves that leaving the call would stop. */
export function moves({ offers }: FilesView): boolean {
  const moving = ({ state }: FileTransfer) => state === 'running' || state === 'preparing';
  return offers.some(({ transfers }) => transfers.some(moving));
}

// ── What is told ───────────────────────────────────────────────────────────────────────────────────────────────────

/** Something that happened to files. */
export interface FileNews {
  kind: 'offered' | 'here' | 'sent' | 'wrong' | 'over';
  offer: FileOffer;
  transfer: FileTransfer;
}

/** What happened between two views; never how far something is. */
export function news(before: FilesView | undefined, now: FilesView): FileNews[] {
  const told: FileNews[] = [];
  for (const offer of now.offers) {
    const was = before?.offers.find(({ id }) => id === offer.id);
    if (was === offer) continue;
    for (const transfer of offer.transfers) {
      const state = was?.transfers.find(({ peer }) => peer === transfer.peer)?.state;
      const kind = newsKind(offer, transfer, state);
      if (kind !== undefined) told.push({ kind, offer, transfer });
    }
  }
  return told;
}

function newsKind(
  { ours }: FileOffer,
  { state }: FileTransfer,
  was: FileTransfer['state'] | undefined,
): FileNews['kind'] | undefined {
  if (state === was) return undefined;
  if (state === 'offered') return ours || was !== undefined ? undefined : 'offered';
  // How it stood before anybody looked is no news.
  if (was === undefined) return undefined;
  switch (state) {
    case 'done':
      return ours ? 'sent' : 'here';
    case 'failed':
    case 'cannot':
      return 'wrong';
    case 'declined':
      return ours ? 'over' : undefined;
    case 'withdrawn':
      return 'over';
    default:
      return undefined;
  }
}

/** The same as a sentence. `name` is the other side's. */
export function newsSays({ kind, offer, transfer }: FileNews, name: string): string {
  const [who, what] = [isolated(name), isolated(title(offer))];
  switch (kind) {
    case 'offered':
      return offer.to === null
        ? t('files.news_offered', { name: who, what, amount: amount(offer) })
        : t('files.news_offered_to_you', { name: who, what, amount: amount(offer) });
    case 'here':
      return t('files.news_here', { what });
    case 'sent':
      return t('files.news_sent', { name: who, what });
    case 'wrong':
    case 'over':
      return t('files.news_other', { what, says: says(offer, transfer, name) });
  }
}
