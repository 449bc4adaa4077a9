import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { COLORS, INK, SHEETS, tint } from '../state/board/tools';
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

const sheets = [tokens(':root {')['sheet'], tokens(":root[data-theme='light'] {\n  --sheet")['sheet']];

it.each(COLORS)('$name is read on the whiteboard in both themes, and on its own tint', ({ value }) => {
  expect(sheets).toEqual([expect.stringMatching(/^#/), expect.stringMatching(/^#/)]);
  for (const sheet of sheets) expect(contrast(value, sheet)).toBeGreaterThanOrEqual(4.5);
  expect(contrast(value, tint(value))).toBeGreaterThanOrEqual(3);
});

it.each(SHEETS)('ink is read on a $name note', ({ value }) => {
  expect(contrast(INK, value)).toBeGreaterThanOrEqual(7);
});

/** Linear light, as an eye has it that sees no red (or no green) for itself: Viénot, Brettel and Mollon, 1999. */
function seen(colour: string, kind: 'all' | 'protan' | 'deutan'): [number, number, number] {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map(
    (at) => (Number.parseInt(colour.slice(at, at + 2), 16) / 255) ** 2.2,
  );
  if (kind === 'all') return [r, g, b];
  const both = kind === 'protan' ? 0.1124 * r + 0.8876 * g : 0.2928 * r + 0.7072 * g;
  const blue = kind === 'protan' ? 0.004 * r - 0.004 * g + b : -0.0223 * r + 0.0223 * g + b;
  return [both, both, blue];
}

/** CIE Lab, D65. */
function lab([r, g, b]: [number, number, number]): [number, number, number] {
  const part = (value: number) => (value > 0.008856 ? Math.cbrt(value) : 7.787 * value + 16 / 116);
  const x = part((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505);
  const y = part(0.2126 * r + 0.7152 * g + 0.0722 * b);
  const z = part((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

it.each([
  ['all', 30],
  ['protan', 12],
  ['deutan', 12],
] as const)('any two colours of the whiteboard can be told apart: %s', (kind, least) => {
  for (const [at, one] of COLORS.entries()) {
    for (const other of COLORS.slice(at + 1)) {
      const [a, b] = [lab(seen(one.value, kind)), lab(seen(other.value, kind))];
      const apart = Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
      expect(apart, `${one.name} and ${other.name}`).toBeGreaterThanOrEqual(least);
    }
  }
});
