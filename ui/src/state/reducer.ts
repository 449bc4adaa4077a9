import type { EngineEvent, NumberedEvent, Snapshot } from '../core/core';
import { changed } from './chat';
import { changed as changedFiles } from './files';
import { changedArena } from './game';
import { changedSheet } from './sketch';

/** What one event makes of the snapshot; `'gap'` when events before it are missing. */
export function apply(snapshot: Snapshot, { number, event }: NumberedEvent): Snapshot | 'gap' {
  // Told twice, or already in the snapshot: nothing new.
  if (number <= snapshot.number) return snapshot;
  if (number !== snapshot.number + 1) return 'gap';
  return { ...snapshot, ...part(snapshot, event), number };
}

/** Every event replaces one part, so this is a table. Of the chat it is one message, of the files one offer. */
function part(snapshot: Snapshot, event: EngineEvent): Partial<Snapshot> {
  switch (event.type) {
    case 'settings':
      return { settings: event.settings };
    case 'devices':
      return { devices: event.devices };
    case 'preview':
      return { preview: event.preview };
    case 'call':
      return { call: event.call };
    case 'levels':
      return { levels: event.levels };
    case 'statistics':
      return { statistics: event.statistics };
    case 'nearby':
      return { nearby: event.nearby };
    case 'recent':
      return { recent: event.recent };
    case 'last_call':
      return { lastCall: event.summary };
    case 'chat':
      return { chat: changed(snapshot.chat, event.change) };
    // The board is kept apart (`BoardStore`): of thousands of things an event changes a few.
    case 'board':
    case 'board_live':
      return {};
    case 'files':
      return { files: changedFiles(snapshot.files, event.change) };
    case 'games':
      return { games: event.games };
    case 'sheet':
      return { sheet: changedSheet(snapshot.sheet, event.change) };
    case 'arena':
      return { arena: changedArena(snapshot.arena, event.change) };
    case 'notice':
    case 'reaction':
      return {};
  }
}
