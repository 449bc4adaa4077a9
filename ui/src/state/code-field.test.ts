import { describe, expect, it } from 'vitest';
import { CodeEntry } from './code-entry.svelte';
import { caretAfterFormatting, JoinText, takesFormatting } from './code-field';

describe('the code field', () => {
  it.each([
    ['kqz4m', 5, 'kqz4-m', 6],
    ['kqz4m8tr', 4, 'kqz4-m8tr', 4],
    ['kqz4m8tr', 6, 'kqz4-m8tr', 7],
    ['KQZ4 m8tr', 2, 'kqz4-m8tr', 2],
    ['', 0, '', 0],
  ])('keeps the caret of %j at %i', (before, caret, after, expected) => {
    expect(caretAfterFormatting(before, caret, after)).toBe(expected);
  });

  it('does not bring back a dash that was just deleted', () => {
    expect(takesFormatting('kqz4', 'kqz4-', true)).toBe(false);
    expect(takesFormatting('kqz4m', 'kqz4-m', true)).toBe(true);
    expect(takesFormatting('kqz4', 'kqz4-', false)).toBe(true);
  });

  it('joins by the link that was pasted until its code is edited', () => {
    const text = new JoinText();
    const link = 'tincan://join/kqz4m8trxp?server=wss://s';
    text.set(link, link);
    text.set(link, 'kqz4-m8tr-xp');
    expect(text.text).toBe(link);
    text.set('kqz4-m8tr-x', 'kqz4-m8tr-x');
    expect(text.text).toBe('kqz4-m8tr-x');
  });
});

describe('what is typed as a code', () => {
  const code = (formatted: string, complete: boolean) =>
    ({ type: 'code', formatted, complete, server: null, problem: null }) as const;

  it('is grouped, and joined as a whole', async () => {
    const entry = new CodeEntry(() => Promise.resolve(code('kqz4-m8tr-xp', true)));
    expect(await entry.type('kqz4m8trxp')).toBe('kqz4-m8tr-xp'.length);
    expect([entry.shown, entry.link, entry.insist()]).toEqual(['kqz4-m8tr-xp', 'kqz4m8trxp', true]);
  });

  it('is not answered by what was said of an earlier text', async () => {
    const answers: ((reply: ReturnType<typeof code>) => void)[] = [];
    const entry = new CodeEntry(() => new Promise((answer) => answers.push(answer)));
    const first = entry.type('kqz4m8trxp');
    const second = entry.type('k');
    answers[1]?.(code('k', false));
    answers[0]?.(code('kqz4-m8tr-xp', true));
    await Promise.all([first, second]);
    expect([entry.shown, entry.complete]).toEqual(['k', false]);
  });

  it('is missed when Join is pressed too early, and not before', async () => {
    const entry = new CodeEntry((text) => Promise.resolve(code(text, false)));
    await entry.type('kqz4');
    expect(entry.problem).toBeNull();
    expect([entry.insist(), entry.problem]).toEqual([false, 'This is not a whole code yet.']);
  });
});
