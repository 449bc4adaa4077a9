import type { Device } from '../core/core';
import { called, t, type Key } from '../words';

/** Choices that are no devices, as the engine calls them. */
const NO_DEVICES: readonly Key[] = [
  'app.system_default',
  'app.no_camera',
  'app.no_microphone',
  'app.no_speaker',
  'app.drawn_person',
  'app.test_pattern',
  'app.test_tone',
];

/**
 * What a picker offers. A remembered device that is not plugged in now stays chosen, and is taken again when it comes
 * back, so it is in the list too.
 */
export function choices(devices: readonly Device[], selected: string): readonly Device[] {
  const named = devices.map(({ id, name }) => ({ id, name: called(name, NO_DEVICES) }));
  if (named.some(({ id }) => id === selected)) return named;
  return [...named, { id: selected, name: nameOf(selected) }];
}

function nameOf(selector: string): string {
  if (selector === 'default') return t('app.system_default');
  if (selector === 'none') return t('app.no_device');
  if (selector.startsWith('file:'))
    return t('app.device_file', {
      name:
        selector
          .split(/[/\\]/)
          .pop()
          ?.replace(/^file:/, '') ?? '',
    });
  if (selector.startsWith('device:')) return t('app.device_before');
  return selector;
}
