import { describe, expect, it, vi } from 'vitest';
import { IDLE_MS, IdleWatch } from './idle';

describe('the idle watch', () => {
  it('tells four seconds after the last movement', () => {
    vi.useFakeTimers();
    const tell = vi.fn();
    const watch = new IdleWatch(tell);
    watch.moved();
    vi.advanceTimersByTime(IDLE_MS - 1);
    watch.moved();
    vi.advanceTimersByTime(IDLE_MS - 1);
    expect(tell).not.toHaveBeenCalledWith(true);
    vi.advanceTimersByTime(1);
    expect(tell).toHaveBeenLastCalledWith(true);
    watch.stop();
    vi.useRealTimers();
  });
});
