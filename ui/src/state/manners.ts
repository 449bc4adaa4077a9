import { isTextField, type KeyPress } from './keys';

/**
 * Where a page in a browser may be inspected, selected as a whole, printed and loaded anew, an application may not: a
 * reload in the middle of a call, or everything painted blue, is nothing that anybody asked for.
 */
export function isBrowserKey(press: Omit<KeyPress, 'repeat'>): boolean {
  const key = press.key.toLowerCase();
  if (press.altKey) return key === 'arrowleft' || key === 'arrowright';
  if (press.ctrlKey || press.metaKey) {
    if (key === 'a') return !isTextField(press.target) || press.target instanceof HTMLSelectElement;
    return ['f', 'g', 'o', 'p', 'r', 's', 'u'].includes(key);
  }
  return ['f3', 'f5', 'f7', 'browserback', 'browserforward', 'browserrefresh'].includes(key);
}

/** Whether the system's menu belongs there: to cut, copy and paste, and to copy what is meant to be copied. */
export function wantsMenu(target: unknown): boolean {
  if (isTextField(target) && !(target instanceof HTMLSelectElement)) return true;
  return target instanceof Element && target.closest('.selectable') !== null;
}
