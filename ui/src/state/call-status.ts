import type { CallView, Participant, Source } from '../core/core';
import { isolated, people } from './format';

/** Who or what the call is about, at the left of the status row. `name` is what somebody is called here. */
export function statusSays(call: CallView, name: (id: string) => string): string {
  const [first, second] = call.participants;
  if (call.test) return 'Test call';
  if (call.phase === 'joining') return 'Joining…';
  if (call.phase === 'knocking') return 'Waiting to be let in';
  if (!first) return call.left === null ? 'Waiting for somebody' : 'Nobody else is here';
  const sharing = call.participants.find(({ streams }) =>
    streams.some(({ source, on }) => source === 'screen' && on),
  );
  if (sharing) return `${isolated(name(sharing.id))} shares a screen`;
  return second ? people(call.participants.length + 1) : name(first.id);
}

/** What is said above the pictures while something is not as it should be. */
export interface Banner {
  code: 'connecting' | 'reconnecting' | 'server-lost';
  text: string;
}

export function banner(call: CallView): Banner | undefined {
  switch (call.phase) {
    case 'joining':
    case 'knocking':
      return undefined;
    case 'connecting':
      // Of a single person the tile says it, with the name.
      return call.participants.length === 1 ? undefined : { code: 'connecting', text: 'Connecting…' };
    case 'reconnecting':
      return { code: 'reconnecting', text: 'The connection was lost. Reconnecting…' };
    default:
      // In the engine's words: what is the matter differs on a server and on the local network.
      if (call.serverConnected || call.test || call.serverProblem === null) return undefined;
      return { code: 'server-lost', text: call.serverProblem };
  }
}

/** The server that an invite link names. */
export function serverOf(link: string): string | null {
  if (!URL.canParse(link)) return null;
  return new URL(link).searchParams.get('server');
}

/** The card on the empty stage. */
export interface AloneCard {
  heading: string;
  text: string | undefined;
  /** Somebody was here and left: the card offers to leave, or to wait for somebody else. */
  left: boolean;
}

/** `waiting`: after the other left, the person chose to wait. */
export function aloneCard(call: CallView, waiting: boolean): AloneCard {
  if (call.test) return { heading: 'The test call is starting', text: undefined, left: false };
  if (call.left !== null && !waiting) {
    return {
      heading: call.left.trim() === '' ? 'The other person left' : `${isolated(call.left)} left`,
      text: 'The call stays open: with its code, anybody can come back in.',
      left: true,
    };
  }
  return {
    heading: call.left === null ? 'You are the first' : 'Waiting for somebody',
    text: 'Send the invitation, or read the code aloud.',
    left: false,
  };
}

/** What stands on a tile instead of, or over, its picture. `only`: the banner speaks of nobody else. */
export function tileSays(
  { connection, streams }: Participant,
  name: string,
  source: Source,
  only: boolean,
): string | undefined {
  if (connection === 'connecting') return `Connecting to ${isolated(name)}…`;
  if (connection === 'reconnecting') return only ? undefined : `Reconnecting to ${isolated(name)}…`;
  const paused = streams.some((stream) => stream.source === source && stream.on && stream.paused);
  return paused ? 'Picture paused: the connection is too weak. Sound goes on.' : undefined;
}

/** Whether a participant is shown as muted. Until there is a connection, nobody knows. */
export function isMuted({ connection, microphoneOn }: Participant): boolean {
  return !microphoneOn && connection !== 'connecting';
}

export const QUALITY = [
  'Connection not known yet',
  'Bad connection',
  'Weak connection',
  'Fair connection',
  'Good connection',
];
