import type { Device, Devices, Preview, Settings, SourceView } from '../core/core';
import { choices } from './devices';
import { sentence, t } from '../words';

/** Whether a source will be missing in the call. Until the first word from the device nothing is wrong yet. */
function missing(source: SourceView): boolean {
  if (!source.chosen) return true;
  return source.on && !source.working && source.problem !== null;
}

/** What others will see and hear, when something is missing: joining works all the same. */
export function joinHint(preview: Preview): string | undefined {
  const camera = missing(preview.camera);
  const microphone = missing(preview.microphone);
  if (camera && microphone) return t('app.join_without_both');
  if (camera) return t('app.join_without_camera');
  if (microphone) return t('app.join_without_microphone');
  return undefined;
}

/** What stands in place of the picture, while there is none. */
export function cameraSays({ active, camera }: Preview): string {
  if (!camera.chosen) return t('app.chose_no_camera');
  if (!camera.on) return t('app.camera_is_off');
  if (camera.problem !== null) return sentence(camera.problem);
  return active ? t('app.camera_starts') : '';
}

/** What stands under the level meter. */
export function microphoneSays(microphone: SourceView, on: boolean): { text: string; problem: boolean } {
  if (!microphone.chosen) return { text: t('app.nobody_will_hear'), problem: false };
  if (!on) return { text: t('app.join_muted'), problem: false };
  if (microphone.problem !== null) return { text: sentence(microphone.problem), problem: true };
  return { text: t('app.say_something'), problem: false };
}

/** How a toggle for one of our sources stands. `none`: there is nothing to switch, because no device was chosen. */
export type ToggleState = 'on' | 'off' | 'none';

export function toggleState(source: SourceView | undefined, on: boolean): ToggleState {
  if (source && !source.chosen) return 'none';
  return on ? 'on' : 'off';
}

/** What a toggle says when the mouse rests on it. */
export function toggleTitle(kind: 'microphone' | 'camera', state: ToggleState, source?: SourceView): string {
  if (state === 'on' && source?.problem) return sentence(source.problem);
  const values = { kind, state };
  return t('app.toggle', values);
}

/** Which devices are chosen, in one line. What is no device says so itself: “No camera”. */
export function devicesSay(
  chosen: Pick<Settings, 'camera' | 'microphone' | 'speaker'>,
  { cameras, microphones, speakers }: Devices,
): string {
  const nameOf = (list: readonly Device[], id: string) =>
    choices(list, id).find((one) => one.id === id)?.name ?? id;
  const names = [
    nameOf(cameras, chosen.camera),
    nameOf(microphones, chosen.microphone),
    nameOf(speakers, chosen.speaker),
  ];
  // Whoever changed nothing reads it once.
  return [...new Set(names)].length === 1 ? nameOf(cameras, chosen.camera) : names.join(' · ');
}

/** Whether a chosen device does not do what it is there for. */
export function deviceTrouble({ camera, microphone, speaker }: Preview): boolean {
  return [camera, microphone, speaker].some(({ chosen, on, problem }) => chosen && on && problem !== null);
}
