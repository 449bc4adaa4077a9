import type { Device } from '../core/core';

/**
 * What a picker offers. A remembered device that is not plugged in now stays chosen, and is taken again when it comes
 * back, so it is in the list too.
 */
export function choices(devices: readonly Device[], selected: string): readonly Device[] {
  if (devices.some(({ id }) => id === selected)) return devices;
  return [...devices, { id: selected, name: nameOf(selected) }];
}

function nameOf(selector: string): string {
  if (selector === 'default') return 'System default';
  if (selector === 'none') return 'None';
  if (selector.startsWith('file:'))
    return `File ${
      selector
        .split(/[/\\]/)
        .pop()
        ?.replace(/^file:/, '') ?? ''
    }`;
  if (selector.startsWith('device:')) return 'Chosen before (not connected now)';
  return selector;
}
