import type { CallView, Participant } from '../core/core';
import { displayName } from './format';

/** What is said above the pictures while something is not as it should be. */
export interface Banner {
  code: 'joining' | 'connecting' | 'reconnecting' | 'server-lost';
  text: string;
}

export function banner(call: CallView): Banner | undefined {
  switch (call.phase) {
    case 'joining':
      return undefined;
    case 'connecting':
      return { code: 'connecting', text: 'Connecting…' };
    case 'reconnecting':
      return { code: 'reconnecting', text: 'The connection was lost. Reconnecting…' };
    default:
      if (call.serverConnected) return undefined;
      return {
        code: 'server-lost',
        text:
          call.phase === 'alone'
            ? 'The server cannot be reached: nobody new can join. Trying again…'
            : 'The server cannot be reached: nobody new can join. Your call goes on.',
      };
  }
}

/** What stands on a tile instead of, or over, its picture. */
export function tileSays({ connection, name }: Participant): string | undefined {
  if (connection === 'connecting') return `Connecting to ${displayName(name)}…`;
  if (connection === 'reconnecting') return `Reconnecting to ${displayName(name)}…`;
  return undefined;
}

export const QUALITY = [
  'Connection not known yet',
  'Bad connection',
  'Weak connection',
  'Fair connection',
  'Good connection',
];
