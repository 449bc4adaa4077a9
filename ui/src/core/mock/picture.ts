import { chroma, i420Length } from '../frames/header';
import type { Frame } from '../frames/source';

/** A soft gradient with a bar that moves, in a colour of the stream's own; stream 2 is upright. */
export function testPicture(stream: number, count: number): Frame {
  const [width, height] = stream === 2 ? [360, 640] : [640, 360];
  const data = new Uint8Array(i420Length(width, height));
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const bar = Math.abs(x - ((count * 8) % width)) < 6 ? 60 : 0;
      data[y * width + x] = 50 + Math.floor((90 * (x + y)) / (width + height)) + bar;
    }
  }
  const plane = chroma(width) * chroma(height);
  data.fill(128 + Math.round(26 * Math.cos(stream * 1.9)), width * height, width * height + plane);
  data.fill(128 + Math.round(26 * Math.sin(stream * 1.9)), width * height + plane);
  return { width, height, data, captureMicros: count * 33_333 };
}
