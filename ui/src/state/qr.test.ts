import { expect, it } from 'vitest';
import { qr } from './qr';

/** The modules that a path of runs covers. */
function modules({ size, path }: { size: number; path: string }): boolean[][] {
  const rows = Array.from({ length: size }, () => Array.from({ length: size }, () => false));
  for (const [, x = '0', y = '0', run = '0'] of path.matchAll(/M(\d+) (\d+)h(\d+)v1H\d+z/g)) {
    rows[Number(y)]?.fill(true, Number(x), Number(x) + Number(run));
  }
  return rows;
}

it('draws the marks by which cameras find a code, with a margin around it', () => {
  const drawn = modules(qr('tincan://join/kqz4m8trxp'));
  const size = drawn.length;
  const mark = (x: number, y: number) =>
    Array.from({ length: 7 }, (_, row) =>
      drawn[y + row]
        ?.slice(x, x + 7)
        .map((dark) => (dark ? '#' : ' '))
        .join(''),
    );
  const whole = ['#######', '#     #', '# ### #', '# ### #', '# ### #', '#     #', '#######'];
  expect(mark(4, 4)).toEqual(whole);
  expect(mark(size - 11, 4)).toEqual(whole);
  expect(mark(4, size - 11)).toEqual(whole);
  expect(drawn.slice(0, 4).flat()).not.toContain(true);
  expect(drawn.map((row) => row.slice(-4)).flat()).not.toContain(true);
});

it('holds a link that names a server', () => {
  const { size } = qr(
    `tincan://join/kqz4m8trxp?server=${encodeURIComponent('wss://tincan.example.org:8443')}`,
  );
  // Four of margin on each side; a code's size is 17 more than four times its version.
  expect((size - 8 - 17) % 4).toBe(0);
});
