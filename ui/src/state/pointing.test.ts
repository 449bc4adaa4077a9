import { expect, test } from 'vitest';
import { boardView } from './board/testing';
import { onScreen, pathOf, pictureBox, PointingModel } from './pointing.svelte';
import { Session } from './session.svelte';
import { ScriptedCore, snapshot } from './testing';

const PLACE = { width: 1000, height: 500 };
const PICTURE = { width: 1600, height: 900 };

test('a place on a screen is the same for everybody, however large they see it', () => {
  const box = pictureBox(PICTURE, PLACE, { scale: 1, x: 0, y: 0 });
  expect(box.left).toBeCloseTo(55.6, 1);
  expect(box.height).toBe(500);
  expect(onScreen({ x: 500, y: 250 }, box)).toEqual([8192, 8192]);
  expect(onScreen({ x: 20, y: 250 }, box)).toBeUndefined();
  const closer = pictureBox(PICTURE, PLACE, { scale: 2, x: -500, y: -250 });
  expect(onScreen({ x: 500, y: 250 }, closer)).toEqual([8192, 8192]);
  expect(onScreen({ x: 0, y: 0 }, { left: 0, top: 0, width: 0, height: 0 })).toBeUndefined();
});

async function model() {
  const core = new ScriptedCore();
  core.snapshot = snapshot({ board: boardView({ me: 'me' }) });
  const session = new Session(core);
  await session.start();
  const due: (() => void)[] = [];
  const pointing = new PointingModel(session, (callback) => {
    due.push(callback);
    return () => undefined;
  });
  const pass = () => due.splice(0).forEach((callback) => callback());
  const said = () =>
    core.asked.flatMap((one) =>
      one.type === 'board' && one.command.type === 'live' ? [one.command.live] : [],
    );
  return { pointing, pass, said };
}

test('nobody is told where the mouse is until pointing was chosen, nor once it is not any more', async () => {
  const { pointing, pass, said } = await model();
  pointing.move('b', [10, 10]);
  expect(pointing.down('b', [10, 10])).toBe(false);
  pass();
  expect(said()).toEqual([]);
  pointing.toggle();
  pointing.move('b', [10, 10]);
  pass();
  expect(said().at(-1)).toMatchObject({ page: '0-b', pointer: [10, 10], stroke: null });
  pointing.move('b', undefined);
  pass();
  expect(said().at(-1)).toMatchObject({ pointer: null });
  pointing.move('b', [20, 20]);
  pass();
  pointing.toggle();
  pass();
  expect(said().at(-1)).toMatchObject({ pointer: null });
});

test('with a button pressed it leaves a trail, which fades when the button is let go', async () => {
  const { pointing, pass, said } = await model();
  pointing.toggle();
  expect(pointing.down('b', undefined)).toBe(false);
  expect(pointing.down('b', [100, 100])).toBe(true);
  pointing.move('b', [102, 100]);
  pointing.move('b', [400, 100]);
  // Of another screen it is no part.
  pointing.move('c', [900, 100]);
  pass();
  expect(said().at(-1)?.stroke).toMatchObject({
    number: 1,
    kind: 'laser',
    points: [100, 100, 128, 400, 100, 128],
  });
  expect(pathOf(pointing.trails[0]?.points ?? [])).toBe('M100 100L400 100');
  pointing.up();
  expect(pointing.trails.map(({ ended }) => ended)).toEqual([true]);
  pass();
  expect([said().at(-1)?.stroke, pointing.trails.length]).toEqual([null, 0]);
  pointing.down('b', [1, 1]);
  pass();
  expect(said().at(-1)?.stroke?.number).toBe(2);
});
