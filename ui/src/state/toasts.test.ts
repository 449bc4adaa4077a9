import { describe, expect, it } from 'vitest';
import type { Notice } from '../core/core';
import { TOAST_LIMIT, Toasts } from './toasts.svelte';

const toast = (code: string, kind: Notice['kind'] = 'info') => ({ kind, code, message: code });

describe('toasts', () => {
  it('replace what said the same, and are never more than a few', () => {
    const toasts = new Toasts(() => undefined);
    for (const code of ['a', 'b', 'a', 'c', 'd']) toasts.show(toast(code));
    expect(toasts.list.map(({ code }) => code)).toEqual(['c', 'd']);
    expect(toasts.list).toHaveLength(TOAST_LIMIT);
  });

  it('take only themselves away', () => {
    const expire: (() => void)[] = [];
    const toasts = new Toasts((callback) => expire.push(callback));
    toasts.show(toast('a'));
    toasts.show(toast('a'));
    expire[0]?.();
    expect(toasts.list).toHaveLength(1);
  });

  it('stay where somebody is to press something', () => {
    const expire: (() => void)[] = [];
    const toasts = new Toasts((callback) => expire.push(callback));
    toasts.show(toast('kept'), { label: 'Show', stays: true, run: () => undefined });
    toasts.show(toast('a'));
    expire.forEach((callback) => callback());
    expect(toasts.list.map(({ code }) => code)).toEqual(['kept']);
  });

  it('that are errors are not replaced by a hint of the same', () => {
    const toasts = new Toasts(() => undefined);
    toasts.show({ kind: 'error', code: 'device_lost', message: 'It is gone.' });
    toasts.show({ kind: 'hint', code: 'camera_problem', message: 'It is gone.' });
    expect(toasts.list.map(({ kind }) => kind)).toEqual(['error']);
  });

  it('that are errors stay until they are dismissed, whatever comes after them', () => {
    const expire: (() => void)[] = [];
    const toasts = new Toasts((callback) => expire.push(callback));
    toasts.show(toast('broken', 'error'));
    for (const code of ['a', 'b', 'c', 'd']) toasts.show(toast(code));
    expire.forEach((callback) => callback());
    expect(toasts.list.map(({ code }) => code)).toEqual(['broken']);
    toasts.dismiss(toasts.list[0]?.key ?? 0);
    expect(toasts.list).toEqual([]);
  });
});
