// @vitest-environment jsdom
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Frame } from '../../core/core';
import { Painter } from './painter';

const context = {
  createImageData: (width: number, height: number) => ({ data: new Uint8ClampedArray(width * height * 4) }),
  putImageData: () => undefined,
  getImageData: () => undefined,
};

beforeEach(() => {
  vi.useFakeTimers();
  // There is no canvas in here but this one.
  vi.spyOn(HTMLCanvasElement.prototype, 'getContext').mockImplementation(((kind: string) =>
    kind === '2d' ? context : null) as typeof HTMLCanvasElement.prototype.getContext);
});

const picture: Frame = {
  width: 4,
  height: 2,
  own: { width: 4, height: 2 },
  data: new Uint8Array(12),
  captureMicros: 0,
};
/** What says that the window draws. */
const left: Frame = {
  ...picture,
  width: 0,
  height: 0,
  own: { width: 1280, height: 720 },
  data: new Uint8Array(0),
};

function painter() {
  const host = document.createElement('div');
  const sizes: unknown[] = [];
  const made = new Painter(
    host,
    (canvas) => canvas.setAttribute('data-testid', 'dressed'),
    (size) => sizes.push(size),
    () => ({ width: 8, height: 4 }),
  );
  const way = () => host.querySelector('canvas')?.dataset['renderer'];
  return { host, sizes, made, way };
}

describe('a picture that the window draws', () => {
  it('has something that stands for it, as large as it is and dressed like any other', () => {
    const { host, sizes, made, way } = painter();
    made.draw(left);
    const stand = host.querySelector('canvas');
    expect([way(), stand?.width, stand?.height, stand?.dataset['testid']]).toEqual([
      'native',
      1280,
      720,
      'dressed',
    ]);
    expect(sizes).toEqual([{ width: 1280, height: 720 }]);
    made.draw({ ...left, own: { width: 640, height: 360 } });
    expect(host.querySelector('canvas')).toBe(stand);
    expect(stand?.width).toBe(640);
    made.end();
    expect([way(), sizes.at(-1)]).toEqual([undefined, undefined]);
  });

  it('stays below the window’s first ones for a moment, and is drawn at once when the page draws again', () => {
    const { made, way } = painter();
    made.draw(picture);
    expect(way()).toBe('plain');
    made.draw(left);
    expect(way()).toBe('plain');
    vi.runAllTimers();
    expect(way()).toBe('native');
    made.draw(picture);
    expect(way()).toBe('plain');
    made.draw(left);
    made.draw(picture);
    vi.runAllTimers();
    expect(way()).toBe('plain');
  });
});
