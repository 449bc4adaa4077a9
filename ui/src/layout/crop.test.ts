import { describe, expect, it } from 'vitest';
import { drawn, MAX_CROP } from './crop';

const hd = { width: 1280, height: 720 };

describe('a picture in its place', () => {
  it('fills it where little is lost by that', () => {
    const { width, height } = drawn(hd, { width: 400, height: 300 }, MAX_CROP);
    expect(width).toBeCloseTo((300 * 16) / 9);
    expect(height).toBeCloseTo(300);
  });

  it('is letterboxed where nothing may be lost: a screen', () => {
    expect(drawn(hd, { width: 400, height: 300 }, 0)).toEqual({ width: 400, height: 225 });
  });

  it('never loses more than a quarter, keeps its shape, and leaves as little empty as that allows', () => {
    const shapes = [
      hd,
      { width: 720, height: 1280 },
      { width: 640, height: 480 },
      { width: 2560, height: 1080 },
    ];
    for (const picture of shapes) {
      for (let aspect = 0.3; aspect < 4; aspect += 0.1) {
        const place = { width: 600 * aspect, height: 600 };
        const { width, height } = drawn(picture, place, MAX_CROP);
        expect(width / height).toBeCloseTo(picture.width / picture.height);
        const seen = (Math.min(width, place.width) * Math.min(height, place.height)) / (width * height);
        expect(seen).toBeGreaterThan(1 - MAX_CROP - 1e-9);
        const filled = width > place.width - 1e-6 && height > place.height - 1e-6;
        expect(filled || seen < 1 - MAX_CROP + 1e-6).toBe(true);
      }
    }
  });

  it('of which nothing is known is as large as its place', () => {
    expect(drawn({ width: 0, height: 0 }, { width: 4, height: 3 }, MAX_CROP)).toEqual({
      width: 4,
      height: 3,
    });
  });
});
