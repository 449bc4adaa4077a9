import { describe, expect, it } from 'vitest';
import { choices } from './devices';

describe('a picker', () => {
  it('keeps a device that is not plugged in now', () => {
    const devices = [{ id: 'default', name: 'System default' }];
    expect(choices(devices, 'default')).toEqual(devices);
    expect(choices(devices, 'device:gone')[1]?.id).toBe('device:gone');
    expect(choices([], 'file:/a/b.y4m')[0]?.name).toBe('File b.y4m');
  });
});
