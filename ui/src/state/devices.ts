import type { Device } from '../core/core';
import { t } from '../words';

/**
 * What a picker offers. A remembered device that is not plugged in now stays chosen, and is taken again when it comes
 * back, so it is in the list too.
 */
export function choices(devices: readonly Device[], selected: string): readonly Device[] {
  if (devices.some(({ id }) => id === selected)) return devices;
  return [...devices, { id: selected, name: nameOf(selected) }];
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
