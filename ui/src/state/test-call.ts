import type { Preview } from '../core/core';
import { SPEAKING } from './speaker';
import { sentence, t } from '../words';

/** What a test call has shown so far. */
export interface Proof {
  /** Their picture came. */
  seen: boolean;
  /** Our microphone heard something. */
  said: boolean;
  /** It came back. */
  heard: boolean;
}

export const NOTHING_YET: Proof = { seen: false, said: false, heard: false };

/** What can be noticed at one moment. */
export interface Moment {
  /** Pictures of the other that came in the last second. */
  fps: number;
  /** Our level, and whether it was sent. */
  level: number;
  sending: boolean;
  /** How loud the other is. */
  echo: number;
}

export function prove(before: Proof, { fps, level, sending, echo }: Moment): Proof {
  const seen = before.seen || fps > 0;
  // The other repeats what it hears a second later: its voice is ours only after we spoke.
  const heard = before.heard || (before.said && echo > SPEAKING);
  const said = before.said || (sending && level > SPEAKING);
  const same = seen === before.seen && said === before.said && heard === before.heard;
  return same ? before : { seen, said, heard };
}

export interface Step {
  id: keyof Proof;
  text: string;
  done: boolean;
}

/** What to do in a test call, and what of it is done. */
export function steps(proof: Proof, { camera, microphone, speaker }: Preview): Step[] {
  const { seen, said, heard } = proof;
  return [
    { id: 'seen', text: see(camera), done: seen && (!camera.chosen || !camera.on || camera.working) },
    { id: 'said', text: say(microphone), done: said },
    {
      id: 'heard',
      text: speaker.problem
        ? sentence(speaker.problem)
        : speaker.chosen
          ? t('call.test_hear')
          : t('call.test_no_speaker'),
      done: heard && speaker.chosen && speaker.problem === null,
    },
  ];
}

function see(camera: Preview['camera']): string {
  if (!camera.chosen) return t('call.test_no_camera');
  if (!camera.on) return t('call.test_camera_off');
  return camera.problem ? sentence(camera.problem) : t('call.test_see');
}

function say(microphone: Preview['microphone']): string {
  if (!microphone.chosen) return t('call.test_no_microphone');
  if (!microphone.on) return t('call.test_muted');
  return microphone.problem ? sentence(microphone.problem) : t('call.test_say');
}
