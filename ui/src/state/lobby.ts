import type { Preview, SourceView } from '../core/core';

/** Whether a source that is wanted delivers. Until the first word from the device nothing is wrong yet. */
function missing(source: SourceView): boolean {
  return source.on && !source.working && source.problem !== null;
}

/** What others will see and hear, when something is missing: joining works all the same. */
export function joinHint(preview: Preview): string | undefined {
  const camera = missing(preview.camera);
  const microphone = missing(preview.microphone);
  if (camera && microphone)
    return 'You can join without a camera and a microphone: you will see and hear the others.';
  if (camera) return 'You can join without a camera: the others will hear you.';
  if (microphone) return 'You can join without a microphone: the others will see you.';
  return undefined;
}

/** What stands in place of the picture, while there is none. */
export function cameraSays({ active, camera }: Preview): string {
  if (!camera.on) return 'Your camera is off.';
  if (camera.problem !== null) return camera.problem;
  return active ? 'Starting your camera…' : '';
}
