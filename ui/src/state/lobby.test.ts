import { describe, expect, it } from 'vitest';
import {
  cameraSays,
  devicesSay,
  deviceTrouble,
  joinHint,
  microphoneSays,
  toggleState,
  toggleTitle,
} from './lobby';
import { joinButton, lobbyTitle } from './screen';
import { snapshot } from './testing';

const { preview } = snapshot();
const broken = {
  ...{ chosen: true, on: true, working: false, device: null },
  problem: { code: 'device_busy', message: 'It is used by another program.' },
};
const none = { chosen: false, on: true, working: false, device: null, problem: null };

describe('the lobby', () => {
  it('says what will be missing', () => {
    expect(joinHint(preview)).toBeUndefined();
    expect(joinHint({ ...preview, camera: broken })).toContain('without a camera');
    expect(joinHint({ ...preview, microphone: broken })).toContain('without a microphone');
    expect(joinHint({ ...preview, camera: broken, microphone: none })).toContain('and a microphone');
    // Who switched it off knows that.
    expect(joinHint({ ...preview, camera: { ...broken, on: false } })).toBeUndefined();
  });

  it('says why there is no picture', () => {
    expect(cameraSays({ ...preview, camera: broken })).toBe(broken.problem.message);
    expect(cameraSays({ ...preview, camera: { ...broken, on: false } })).toBe('Your camera is off.');
    const starting = { ...preview, active: true, camera: { ...broken, problem: null } };
    expect(cameraSays(starting)).toBe('Starting your camera…');
  });

  it('knows a device that was not chosen from one that starts', () => {
    expect(cameraSays({ ...preview, active: true, camera: none })).toBe('You chose no camera.');
    expect(microphoneSays(none, true).text).toContain('You chose no microphone');
    expect(microphoneSays(broken, true)).toEqual({ text: broken.problem.message, problem: true });
    expect(microphoneSays(preview.microphone, false).text).toBe('You will join muted.');
  });

  it('shows toggles as they are, and says so', () => {
    expect([toggleState(none, true), toggleState(broken, true), toggleState(broken, false)]).toEqual([
      'none',
      'on',
      'off',
    ]);
    expect(toggleTitle('camera', 'none', none)).toBe('You chose no camera');
    expect(toggleTitle('camera', 'on', broken)).toBe(broken.problem.message);
    expect(toggleTitle('microphone', 'off', broken)).toBe('Microphone off (M)');
  });

  it('is named after what its button does', () => {
    const again = { type: 'again', code: 'c', server: null, names: ['Ben'] } as const;
    expect(lobbyTitle(again)).toBe('Call \u2068Ben\u2069 again');
    expect([joinButton(again, false, false), joinButton({ type: 'join' }, true, false)]).toEqual([
      'Call again',
      'Joining…',
    ]);
  });

  it('names the devices in one line, one that is not plugged in too', () => {
    const [camera, microphone] = [
      { id: 'device:cam', name: 'Webcam' },
      { id: 'none', name: 'No microphone' },
    ];
    const system = { id: 'default', name: 'System default' };
    const devices = { cameras: [system, camera], microphones: [system, microphone], speakers: [system] };
    const chosen = { camera: 'device:cam', microphone: 'none', speaker: 'device:gone' };
    expect(devicesSay(chosen, devices)).toBe('Webcam · No microphone · Chosen before (not connected now)');
    const all = { camera: 'default', microphone: 'default', speaker: 'default' };
    expect(devicesSay(all, devices)).toBe('System default');
  });

  it('opens the choice of devices for whoever has trouble with one', () => {
    expect(deviceTrouble(preview)).toBe(false);
    expect(deviceTrouble({ ...preview, camera: broken })).toBe(true);
    expect(deviceTrouble({ ...preview, camera: none, microphone: { ...broken, on: false } })).toBe(false);
  });
});
