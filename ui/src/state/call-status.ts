import type { CallView, Participant, Source } from '../core/core';
import { isolated, people } from './format';
import { sentence, t } from '../words';

/** Who or what the call is about, at the left of the status row. `name` is what somebody is called here. */
export function statusSays(call: CallView, name: (id: string) => string): string {
  const [first, second] = call.participants;
  if (call.test) return t('call.test');
  if (call.phase === 'joining') return t('call.joining');
  if (call.phase === 'knocking') return t('call.knocking');
  if (!first) return call.left === null ? t('call.waiting') : t('call.nobody_here');
  const sharing = call.participants.find(({ streams }) =>
    streams.some(({ source, on }) => source === 'screen' && on),
  );
  if (sharing) return t('call.shares', { name: isolated(name(sharing.id)) });
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
      return call.participants.length === 1 ? undefined : { code: 'connecting', text: t('call.connecting') };
    case 'reconnecting':
      return { code: 'reconnecting', text: t('call.connection_lost') };
    default:
      // In the engine's words: what is the matter differs on a server and on the local network.
      if (call.serverConnected || call.test || call.serverProblem === null) return undefined;
      return { code: 'server-lost', text: sentence(call.serverProblem) };
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
  if (call.test) return { heading: t('call.test_starting'), text: undefined, left: false };
  if (call.left !== null && !waiting) {
    return {
      heading: call.left.trim() === '' ? t('call.other_left') : t('call.left', { name: isolated(call.left) }),
      text: t('call.stays_open'),
      left: true,
    };
  }
  return {
    heading: call.left === null ? t('call.first') : t('call.waiting'),
    text: t('call.invite_them'),
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
  if (connection === 'connecting') return t('call.connecting_to', { name: isolated(name) });
  if (connection === 'reconnecting')
    return only ? undefined : t('call.reconnecting_to', { name: isolated(name) });
  const paused = streams.some((stream) => stream.source === source && stream.on && stream.paused);
  return paused ? t('call.picture_paused_why') : undefined;
}

/** Whether a participant is shown as muted. Until there is a connection, nobody knows. */
export function isMuted({ connection, microphoneOn }: Participant): boolean {
  return !microphoneOn && connection !== 'connecting';
}

/** How a connection is, from 1 (bad) to 4 (good); 0 while it is not known. */
export function qualitySays(quality: number): string {
  switch (quality) {
    case 1:
      return t('call.quality_bad');
    case 2:
      return t('call.quality_weak');
    case 3:
      return t('call.quality_fair');
    case 4:
      return t('call.quality_good');
    default:
      return t('call.quality_unknown');
  }
}

/** The marks around what is written the other way. */
const ISOLATES = /[\u2066-\u2069]/gu;

/** A text to send to somebody, in the window's language. In it a link ends where it ends, without a mark behind it. */
export function invitation(call: CallView): string {
  return sentence(call.invitation).replaceAll(ISOLATES, '');
}
