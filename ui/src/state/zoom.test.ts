import { expect, test } from 'vitest';
import { closely, FIT, pan, within, zoomTo } from './zoom';

const PLACE = { width: 800, height: 450 };

test('closely, a pixel of the picture is one of the screen, and what is no larger is shown twice as large', () => {
  expect(closely({ width: 1920, height: 1080 }, PLACE, 1).scale).toBeCloseTo(2.4);
  expect(closely({ width: 1920, height: 1080 }, PLACE, 2).scale).toBeCloseTo(1.2);
  expect(closely({ width: 800, height: 450 }, PLACE, 1)).toEqual({ scale: 2, x: -400, y: -225 });
  expect(closely({ width: 0, height: 0 }, PLACE, 1).scale).toBe(2);
  expect(closely(undefined, PLACE, 1).scale).toBe(2);
});

test('what the mouse is on stays below it', () => {
  const zoom = zoomTo(FIT, 2, { x: 400, y: 225 }, PLACE);
  expect(zoom).toEqual({ scale: 2, x: -400, y: -225 });
  const back = zoomTo(zoom, 0.5, { x: 10, y: 10 }, PLACE);
  expect(Math.abs(back.x) + Math.abs(back.y)).toBe(0);
  expect(back.scale).toBe(1);
});

test('nothing but the picture is to be seen', () => {
  const zoom = zoomTo(FIT, 2, { x: 0, y: 0 }, PLACE);
  expect(pan(zoom, 500, 500, PLACE)).toEqual({ scale: 2, x: 0, y: 0 });
  expect(pan(zoom, -5_000, -100, PLACE)).toEqual({ scale: 2, x: -800, y: -100 });
  const smaller = within({ scale: 2, x: -800, y: -450 }, { width: 400, height: 200 });
  expect(smaller).toEqual({ scale: 2, x: -400, y: -200 });
});
