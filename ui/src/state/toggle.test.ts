import { describe, expect, it } from 'vitest';
import { Toggle } from './toggle.svelte';

describe('a toggle', () => {
  it('follows the last of several presses', async () => {
    let actual = true;
    const settled: (() => void)[] = [];
    const toggle = new Toggle(
      () => actual,
      () => Promise.resolve(),
      (callback) => settled.push(callback),
    );
    const first = toggle.set(false);
    const second = toggle.set(true);
    await Promise.all([first, second]);
    expect(toggle.on).toBe(true);
    actual = false;
    settled.forEach((callback) => callback());
    expect([toggle.on, toggle.pending]).toEqual([false, false]);
  });

  it('lets an old refusal change nothing', async () => {
    const answers = [Promise.reject(new Error('old')), new Promise<void>(() => undefined)];
    const toggle = new Toggle(
      () => true,
      () => answers.shift() ?? Promise.resolve(),
    );
    const first = toggle.set(false);
    void toggle.set(false);
    await expect(first).rejects.toThrow('old');
    expect(toggle.on).toBe(false);
  });
});
