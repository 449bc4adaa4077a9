import { chroma, i420Length } from '../frames/header';
import type { Frame } from '../frames/source';

/** From here on streams are screens. */
const SCREENS = 20;
const still = new Map<number, Frame>();

/** A drawn person before a wall of the stream's own colour, stream 2 upright; or a screen. A line moves through it. */
export function testPicture(stream: number, count: number): Frame {
  let base = still.get(stream);
  if (!base) still.set(stream, (base = stream >= SCREENS ? screen() : person(stream)));
  const { width, height } = base;
  const data = base.data.slice();
  const row = (count * 2) % height;
  for (let x = row * width; x < (row + 1) * width; x += 1) data[x] = Math.min(255, (data[x] ?? 0) + 12);
  return { width, height, own: { width, height }, data, captureMicros: count * 33_333 };
}

type Colour = readonly [y: number, u: number, v: number];

/** Draws by the colour of each pixel. */
function paint(width: number, height: number, colour: (x: number, y: number) => Colour): Frame {
  const data = new Uint8Array(i420Length(width, height));
  const plane = chroma(width) * chroma(height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const [luma, u, v] = colour(x, y);
      data[y * width + x] = luma;
      if (x % 2 || y % 2) continue;
      const at = width * height + (y / 2) * chroma(width) + x / 2;
      data[at] = u;
      data[at + plane] = v;
    }
  }
  return { width, height, own: { width, height }, data, captureMicros: 0 };
}

function person(stream: number): Frame {
  const [width, height] = stream === 2 ? [360, 640] : [640, 360];
  const [middle, head] = [width / 2, height * 0.42];
  const size = height * (stream === 2 ? 0.13 : 0.2);
  const tint = (angle: number, strength: number): [number, number] => [
    128 + Math.round(strength * Math.cos(angle)),
    128 + Math.round(strength * Math.sin(angle)),
  ];
  const wall = tint(stream * 1.9, 16);
  const shirt = tint(stream * 2.7 + 1, 34);
  const skin = 105 + ((stream * 47) % 90);
  const within = (x: number, y: number, cx: number, cy: number, rx: number, ry: number) =>
    ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1;
  return paint(width, height, (x, y) => {
    const eye =
      Math.abs(Math.abs(x - middle) - size * 0.33) < size * 0.09 && Math.abs(y - head) < size * 0.09;
    const mouth = within(x, y, middle, head + size * 0.5, size * 0.3, size * 0.12) && y > head + size * 0.5;
    if (eye || mouth) return [40, 124, 136];
    const hair = y < head - size * 0.45 && within(x, y, middle, head - size * 0.1, size * 0.95, size * 1.15);
    if (hair) return [30 + ((stream * 31) % 120), 122, 136];
    if (within(x, y, middle, head, size * 0.85, size * 1.05)) return [skin, 112, 150];
    if (Math.abs(x - middle) < size * 0.3 && y > head && y < head + size * 1.5) return [skin - 20, 112, 150];
    if (within(x, y, middle, height + size * 0.2, size * 1.9, size * 2.1)) return [95, ...shirt];
    return [42 + Math.round((60 * (x + y)) / (width + height)), ...wall];
  });
}

/** A sheet with lines of text in a window. */
function screen(): Frame {
  return paint(1280, 720, (x, y) => {
    if (y < 40) return [60, 134, 124];
    if (x < 260) return [y % 36 > 14 && y % 36 < 22 && x > 24 && x < 190 + (y % 5) ? 150 : 215, 129, 127];
    const line = Math.floor((y - 90) / 28);
    const text = y > 90 && y < 650 && (y - 90) % 28 < 8 && x > 310 && x < 700 + ((line * 137) % 480);
    return [text ? 90 : 240, 128, 128];
  });
}
