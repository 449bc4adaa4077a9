import type { ChatView, FileItem, FileOffer, FilesChange, FilesView, FileTransfer } from '../core/core';
import { groups, type Group } from './chat';
import { isolated, plural } from './format';

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

const UNITS = ['kB', 'MB', 'GB', 'TB'] as const;

/** `512 bytes`, `2.4 MB`: in powers of a thousand, as disks and file managers count. */
export function size(bytes: number): string {
  if (bytes < 1_000) return plural(bytes, 'byte');
  let value = bytes / 1_000;
  let unit = 0;
  // What would be rounded to a thousand is one of the next.
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  return `${digits(value)} ${UNITS[unit] ?? ''}`;
}

/** Two digits at least, and no more behind the point than one can see moving. */
function digits(value: number): string {
  return value < 9.95 ? value.toFixed(1) : String(Math.round(value));
}

/** `1.2 of 2.4 MB`; both units where they differ. */
export function share(bytes: number, of: number): string {
  const [part, all] = [size(bytes), size(of)];
  const unit = all.slice(all.lastIndexOf(' '));
  return part.endsWith(unit) ? `${part.slice(0, -unit.length)} of ${all}` : `${part} of ${all}`;
}

/** `3.1 MB/s`. */
export function pace(speed: number): string {
  return `${size(speed)}/s`;
}

/** `12 s left`, `3 min left`: as coarse as it is uncertain. */
export function left(seconds: number): string {
  if (seconds < 5) return 'a few seconds left';
  if (seconds < 60) return `${seconds < 20 ? seconds : Math.round(seconds / 5) * 5} s left`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min left`;
  const hours = Math.floor(minutes / 60);
  const rest = hours < 10 ? Math.round((minutes % 60) / 5) * 5 : 0;
  if (rest === 60) return `${hours + 1} h left`;
  return rest === 0 ? `${hours} h left` : `${hours} h ${rest} min left`;
}

// ── What an offer is called ────────────────────────────────────────────────────────────────────────────────────────

/** `valve.pdf`, `3 files`: for where there is one line. */
export function title({ items, files }: Pick<FileOffer, 'items' | 'files'>): string {
  const [only] = items;
  return only && items.length === 1 ? only.name : plural(Math.max(files, items.length), 'file');
}

/** How much it is: `2.4 MB`, `120 files, 2.4 GB`. */
export function amount({ items, files, bytes }: Pick<FileOffer, 'items' | 'files' | 'bytes'>): string {
  const isFile = items.length === 1 && items[0]?.folder === false;
  return isFile ? size(bytes) : `${plural(files, 'file')}, ${size(bytes)}`;
}

/** The same of a part of it. */
export function itemSays({ folder, files, bytes }: FileItem): string {
  return folder ? `Folder, ${plural(files, 'file')}, ${size(bytes)}` : size(bytes);
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
      return offer.ours ? `${who} has not decided yet` : where(offer);
    case 'preparing':
      return transfer.verified > 0 ? `Looking at what is here already: ${far}` : 'Preparing…';
    case 'running':
      return [
        far,
        ...(transfer.speed > 0 ? [pace(transfer.speed)] : []),
        ...(transfer.speed > 0 && transfer.secondsLeft !== null ? [left(transfer.secondsLeft)] : []),
      ].join(' · ');
    case 'paused':
      return `You paused it · ${far}`;
    case 'paused_by_them':
      return `${who} paused it · ${far}`;
    case 'away':
      return `${who} is not connected. It goes on when they are · ${far}`;
    case 'done':
      return offer.ours ? `${who} has it · verified` : `Verified${into(offer)}`;
    case 'declined':
      return offer.ours ? `${who} does not want it` : 'You declined it';
    case 'cancelled':
      return offer.ours ? 'You took it back' : 'You cancelled it';
    case 'withdrawn':
      return offer.ours ? `${who} cancelled it` : `${who} took it back`;
    case 'failed':
      return transfer.problem?.message ?? 'It did not get through. Offer it again.';
    case 'cannot':
      return offer.ours
        ? `${who} has a version of Tincan that takes no files`
        : 'This version of Tincan does not take it';
  }
}

/** The same for one receiver of several, whose name stands before it. */
export function saysAmong(offer: FileOffer, transfer: FileTransfer): string {
  const far = share(transfer.verified, offer.bytes);
  switch (transfer.state) {
    case 'offered':
      return 'Has not decided yet';
    case 'paused':
      return `Paused by you · ${far}`;
    case 'paused_by_them':
      return `Paused by them · ${far}`;
    case 'away':
      return `Not connected, goes on later · ${far}`;
    case 'done':
      return 'Has it · verified';
    case 'declined':
      return 'Does not want it';
    case 'cancelled':
      return 'You stopped it';
    case 'withdrawn':
      return 'Stopped by them';
    case 'cannot':
      return 'Has a version of Tincan that takes no files';
    case 'preparing':
    case 'running':
    case 'failed':
      return says(offer, transfer, transfer.name);
  }
}

/** What a receiver knows before they decide. */
function where({ free, fits, folder, bytes }: FileOffer): string {
  const place = folder === null ? '' : ` in ${isolated(folder)}`;
  if (!fits) {
    const room = free === null ? 'There is too little room' : `Only ${size(free)} are free`;
    return `${room}${place}. Save it somewhere else.`;
  }
  return free === null || bytes === 0
    ? `It goes to ${folder ?? 'your downloads'}`
    : `${size(free)} free${place}`;
}

function into({ folder }: FileOffer): string {
  return folder === null ? '' : ` · in ${isolated(folder)}`;
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
  const parts: [number, string, string][] = [
    [count('done'), 'has it', 'have it'],
    [count('preparing', 'running'), 'gets it', 'get it'],
    [count('paused', 'paused_by_them', 'away'), 'waits', 'wait'],
    [count('offered'), 'has not decided', 'have not decided'],
    [count('declined', 'withdrawn'), 'does not want it', 'do not want it'],
    [count('failed', 'cannot'), 'did not get it', 'did not get it'],
  ];
  return parts
    .filter(([number]) => number > 0)
    .map(([number, one, many]) => `${number} ${number === 1 ? one : many}`)
    .join(', ');
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
      return `${who} offers ${what} (${amount(offer)})${offer.to === null ? '' : ', only to you'}`;
    case 'here':
      return `${what} is here, and verified.`;
    case 'sent':
      return `${who} has ${what}.`;
    case 'wrong':
    case 'over':
      return `${what}: ${says(offer, transfer, name)}`;
  }
}
