// A screen that the browser shares: a page that is turned twice a second, with the stamp of Tincan's drawn screens
// (crates/media, `Stamp`).

import { COLUMNS, FIRST_COLUMN, ROWS, stampRows } from './stamp.js';

const WIDTH = 1280;
const HEIGHT = 720;
/** Milliseconds between two pages. */
const PAGE = 500;

/** Begins to draw. @returns {{ track: MediaStreamTrack, stop: () => void }} */
export function sharedScreen() {
  const canvas = Object.assign(document.createElement('canvas'), { width: WIDTH, height: HEIGHT });
  const context = canvas.getContext('2d');
  const [track] = canvas.captureStream().getVideoTracks();
  if (!context || !track) {
    throw new Error('a canvas can be drawn on and captured');
  }
  track.contentHint = 'text';
  let counter = 0;
  const draw = () => {
    counter += 1;
    context.fillStyle = 'white';
    context.fillRect(0, 0, WIDTH, HEIGHT);
    context.fillStyle = 'black';
    context.font = '20px monospace';
    for (let line = 0; line < 22; line += 1) {
      context.fillText(`Page ${counter}, line ${line}: ${'shared by a browser '.repeat(4)}`, 40, 190 + line * 24);
    }
    drawStamp(context, counter);
  };
  draw();
  const timer = setInterval(draw, PAGE);
  return {
    track,
    stop: () => {
      clearInterval(timer);
      track.stop();
    },
  };
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number} counter
 */
function drawStamp(context, counter) {
  const [width, height] = [WIDTH / COLUMNS, HEIGHT / ROWS];
  stampRows(counter, Date.now() * 1000).forEach((bits, index) => {
    // Between a white cell and a black one.
    [1, ...Array.from({ length: 32 }, (_, bit) => (bits >>> (31 - bit)) & 1), 0].forEach((bit, column) => {
      context.fillStyle = bit ? 'white' : 'black';
      context.fillRect((FIRST_COLUMN + column) * width, (index + 1) * height, width, height);
    });
  });
}
