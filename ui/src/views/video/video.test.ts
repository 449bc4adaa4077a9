import { describe, expect, it } from 'vitest';
import { toRgba } from './canvas2d';
import { RECONSIDER_FRAMES, RendererChooser, TRIAL_FRAMES, WARM_UP_FRAMES } from './chooser';
import type { RendererKind } from './renderer';

const PIXELS = 1280 * 720;

/** Draws with what is chosen until the trials end; every kind takes its time. */
function trial(chooser: RendererChooser, cost: Partial<Record<RendererKind, number>>): RendererKind[] {
  const tried: RendererKind[] = [];
  for (let frame = 0; chooser.choice.measuring && frame < 1_000; frame += 1) {
    const { choice } = chooser;
    if (tried[tried.length - 1] !== choice.kind) tried.push(choice.kind);
    chooser.record(choice, cost[choice.kind] ?? 0, PIXELS);
  }
  return tried;
}

describe('the way of drawing', () => {
  it('is the one that measured fastest', () => {
    const chooser = new RendererChooser(['webgl', 'video-frame']);
    trial(chooser, { webgl: 9, 'video-frame': 4 });
    expect(chooser.choice).toMatchObject({ kind: 'video-frame', measuring: false });
  });

  it('is the first when that is fast enough: nothing else is tried', () => {
    const chooser = new RendererChooser(['webgl', 'video-frame']);
    expect(trial(chooser, { webgl: 0.8, 'video-frame': 0.1 })).toEqual(['webgl']);
    expect(chooser.choice.kind).toBe('webgl');
  });

  it('gives up early on one that is hopeless', () => {
    const chooser = new RendererChooser(['webgl', 'video-frame']);
    let frames = 0;
    while (chooser.choice.kind === 'webgl' && frames < 1_000) {
      chooser.record(chooser.choice, 40, PIXELS);
      frames += 1;
    }
    expect(frames).toBeLessThan(TRIAL_FRAMES);
  });

  it('does not count the first frames, which compile shaders', () => {
    const chooser = new RendererChooser(['webgl', 'video-frame']);
    for (let frame = 0; frame < WARM_UP_FRAMES; frame += 1) chooser.record(chooser.choice, 500, PIXELS);
    trial(chooser, { webgl: 1, 'video-frame': 1 });
    expect(chooser.choice.kind).toBe('webgl');
  });

  it('gets a new canvas after the trials, since pixels were read from the old one', () => {
    const chooser = new RendererChooser(['webgl', 'video-frame']);
    const before = chooser.choice.generation;
    trial(chooser, { webgl: 1 });
    expect(chooser.choice.generation).toBeGreaterThan(before);
  });

  it('is never again one that failed, and plain when all failed', () => {
    const chooser = new RendererChooser(['webgl', 'video-frame']);
    chooser.fail('webgl');
    expect(chooser.choice).toMatchObject({ kind: 'video-frame', measuring: false });
    chooser.fail('video-frame');
    expect(chooser.choice).toMatchObject({ kind: 'plain', measuring: false });
  });

  it('is reconsidered after some minutes', () => {
    const chooser = new RendererChooser(['webgl', 'video-frame']);
    trial(chooser, { webgl: 1 });
    for (let frame = 0; frame < RECONSIDER_FRAMES; frame += 1) chooser.count();
    expect(chooser.choice.measuring).toBe(true);
  });
});

describe('the plain converter', () => {
  const pixel = (y: number, u: number, v: number) => {
    const rgba = new Uint8ClampedArray(4);
    toRgba(
      {
        width: 1,
        height: 1,
        own: { width: 1, height: 1 },
        data: new Uint8Array([y, u, v]),
        captureMicros: 0,
      },
      rgba,
    );
    return [...rgba];
  };

  it.each([
    ['black', [16, 128, 128], [0, 0, 0]],
    ['white', [235, 128, 128], [255, 255, 255]],
    ['red', [81, 90, 240], [255, 0, 0]],
    ['green', [145, 54, 34], [0, 255, 0]],
    ['blue', [41, 240, 110], [0, 0, 255]],
  ])('knows %s of BT.601, limited range', (_, [y = 0, u = 0, v = 0], expected) => {
    pixel(y, u, v)
      .slice(0, 3)
      .forEach((value, channel) => expect(Math.abs(value - (expected[channel] ?? 0))).toBeLessThanOrEqual(2));
  });

  it('reads the chroma of odd sizes', () => {
    const data = new Uint8Array(3 * 3 + 2 * 4).fill(128);
    data.fill(235, 0, 9);
    const rgba = new Uint8ClampedArray(3 * 3 * 4);
    toRgba({ width: 3, height: 3, own: { width: 3, height: 3 }, data, captureMicros: 0 }, rgba);
    expect([...rgba].every((value) => value === 255)).toBe(true);
  });
});
