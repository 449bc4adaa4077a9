import { expect, test } from 'vitest';
import { actualSize, FIT, pan, within, zoomTo } from './zoom';

const PLACE = { width: 800, height: 450 };

test('at 100 % a pixel of the picture is one of the screen', () => {
  expect(actualSize({ width: 1920, height: 1080 }, PLACE, 1)).toBeCloseTo(2.4);
  expect(actualSize({ width: 1920, height: 1080 }, PLACE, 2)).toBeCloseTo(1.2);
  expect(actualSize({ width: 400, height: 300 }, PLACE, 1)).toBe(1);
  expect(actualSize({ width: 0, height: 0 }, PLACE, 1)).toBe(1);
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
