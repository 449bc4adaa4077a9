import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { AVATARS } from '../state/people';

const css = readFileSync(new URL('./app.css', import.meta.url), 'utf8');
const html = readFileSync(new URL('../../index.html', import.meta.url), 'utf8');

/** The tokens of a block, by the first line of its selector. */
function tokens(selector: string): Record<string, string> {
  const start = css.indexOf(`\n${selector}`);
  const block = css.slice(css.indexOf('{', start), css.indexOf('}', start));
  return Object.fromEntries(
    [...block.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, name, value]) => [name, value]),
  );
}

const dark = tokens(':root,\n.always-dark');
const light = { ...dark, ...tokens(":root[data-theme='light']") };

/** WCAG 2.2, relative luminance. */
function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a = '', b = ''): number {
  const [bright, dim] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (bright + 0.05) / (dim + 0.05);
}

it.each([
  ['on-danger', 'danger'],
  ['on-danger', 'danger-hover'],
  ['on-accent', 'accent'],
  ['on-accent', 'accent-hover'],
  ['danger-text', 'surface'],
  ['danger-text', 'page'],
  ['muted', 'surface'],
  ['muted', 'page'],
  ['muted', 'raised'],
  ['text', 'hover'],
])('%s can be read on %s in both themes', (text, ground) => {
  expect(contrast(dark[text], dark[ground])).toBeGreaterThanOrEqual(4.5);
  expect(contrast(light[text], light[ground])).toBeGreaterThanOrEqual(4.5);
});

it('initials can be read on every avatar', () => {
  const avatars = Object.entries(tokens(':root {')).filter(([name]) => name.startsWith('avatar-'));
  expect(avatars).toHaveLength(AVATARS);
  for (const [, colour] of avatars) expect(contrast('#ffffff', colour)).toBeGreaterThanOrEqual(4.5);
});

it('starts with the background that the page will have', () => {
  const [first, second] = [...html.matchAll(/background: (#[0-9a-f]{6})/g)].map(([, colour]) => colour);
  expect([first, second]).toEqual([dark['page'], light['page']]);
});
