import type { CallView } from '../generated/CallView';
import type { Command } from '../generated/Command';
import type { Participant } from '../generated/Participant';
import { participant } from './people';

/** What a command makes of the call; `undefined` for commands that are not the call's. */
export function inCall(call: CallView, command: Command, now: number): CallView | undefined {
  const each = (peer: string | null, change: Partial<Participant>) => ({
    ...call,
    participants: call.participants.map((one) =>
      peer === null || one.id === peer ? { ...one, ...change } : one,
    ),
  });
  const without = (peer: string) => call.knocks.filter(({ id }) => id !== peer);
  switch (command.type) {
    case 'set_volume':
      return each(command.peer, { volume: command.volume });
    case 'set_hand':
      return { ...call, hand: command.on ? now : null };
    case 'start_recording':
      return { ...call, recording: call.recording ?? now };
    case 'stop_recording':
      return { ...call, recording: null };
    case 'set_lock':
      return { ...call, locked: command.on, knocks: command.on ? call.knocks : [] };
    case 'set_verified':
      return each(command.peer, { trust: command.on ? 'verified' : 'unverified', late: false });
    case 'let_in': {
      const name = call.knocks.find(({ id }) => id === command.peer)?.name ?? '';
      const come = participant(command.peer, name, 13, { late: true });
      return { ...call, knocks: without(command.peer), participants: [...call.participants, come] };
    }
    case 'refuse':
      return { ...call, knocks: without(command.peer) };
    default:
      return undefined;
  }
}
