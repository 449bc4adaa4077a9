// @vitest-environment jsdom
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { PictureLayout } from '../../core/core';
import { measure, PictureReport } from './report';

// Nothing has a place in a document that is not drawn: here each element says its own.
beforeEach(() => {
  document.body.innerHTML = '';
  vi.spyOn(Element.prototype, 'getBoundingClientRect').mockImplementation(function (this: Element) {
    const [x = 0, y = 0, width = 0, height = 0] = (this.getAttribute('at') ?? '').split(' ').map(Number);
    const rect = { x, y, width, height, left: x, top: y, right: x + width, bottom: y + height };
    return { ...rect, toJSON: () => rect };
  });
  vi.spyOn(document, 'hidden', 'get').mockReturnValue(false);
  document.getAnimations = () => [];
});

/** A tile of 640 by 480 that a wide picture fills. */
function tile(stream: number, inside = '', marks = '') {
  return `<section data-place ${marks} at="0 0 640 480" style="border-top-left-radius: 16px">
    <div data-picture="${stream}" at="0 0 640 480">
      <canvas data-renderer="native" at="-107 0 853 480"></canvas>
    </div>${inside}
  </section>`;
}

const FLOATING = `<section data-place data-over at="400 300 200 112" style="border: 1px solid; border-top-left-radius: 16px">
  <div data-picture="0" data-mirrored at="401 301 198 110">
    <canvas data-renderer="native" at="401 301 198 110"></canvas>
  </div>
  <div data-over at="406 380 40 20"></div>
</section>`;

function show(html: string): PictureLayout {
  document.body.innerHTML = html;
  return measure(document);
}

describe('what the window is told of the pictures', () => {
  it('is where each lies, what it is cut to, and its round corners', () => {
    expect(show(tile(7)).views).toEqual([
      {
        stream: 7,
        page: false,
        picture: [-107, 0, 853, 480],
        clip: [0, 0, 640, 480],
        radius: 16,
        mirrored: false,
        holes: [],
      },
    ]);
  });

  it('has what lies over a picture cut out of it, unless it is hidden, faded or somewhere else', () => {
    const { views } = show(
      `${tile(
        1,
        `<div data-over at="10 440 100 30" style="border-top-left-radius: 8px"></div>
         <div data-over at="500 10 100 30" style="opacity: 0"></div>
         <div style="opacity: 0"><p data-over at="500 60 100 30"></p></div>
         <div data-over at="500 90 100 30" style="visibility: hidden"></div>
         <div data-over at="500 90 0 0"></div>`,
      )}
       <div data-over at="300 470 100 200"></div>
       <div data-over at="700 10 100 30"></div>`,
    );
    expect(views[0]?.holes).toEqual([
      [10, 440, 100, 30, 8],
      [300, 470, 100, 200, 0],
    ]);
  });

  it('has our own picture float above the other’s, which lies in no way over ours', () => {
    const { views } = show(`${FLOATING}${tile(1, '<div data-over at="500 310 100 30"></div>')}`);
    expect(views.map(({ stream }) => stream)).toEqual([1, 0]);
    expect(views[0]?.holes).toContainEqual([400, 300, 200, 112, 16]);
    expect(views[1]).toMatchObject({
      mirrored: true,
      clip: [401, 301, 198, 110],
      radius: 15,
      holes: [[406, 380, 40, 20, 0]],
    });
  });

  it('leaves the ring of whoever speaks to the page', () => {
    expect(show(tile(1, '', 'data-ring="3"')).views[0]).toMatchObject({
      clip: [3, 3, 634, 474],
      radius: 13,
    });
  });

  it('has the page draw what is seen through something, and the window until the page has drawn', () => {
    for (const html of [
      `${tile(1)}<dialog open></dialog>`,
      `${tile(1)}<div data-veil at="0 0 900 900"></div>`,
      tile(1, '', 'data-veil'),
    ]) {
      expect(show(html).views).toMatchObject([{ page: true }]);
      expect(show(html.replace('data-renderer="native"', 'data-renderer="webgl"')).views).toEqual([]);
    }
    expect(show(`${tile(1)}<div data-veil at="650 0 900 900"></div>`).views).toMatchObject([{ page: false }]);
  });

  it('is nothing of a picture that is hidden, has no canvas yet or has no room', () => {
    expect(show(tile(1).replace('<canvas', '<canvas style="visibility: hidden"')).views).toEqual([]);
    expect(show('<div data-picture="1" at="0 0 640 480"></div>').views).toEqual([]);
    expect(show(tile(1).replaceAll('at="0 0 640 480"', 'at="0 0 0 0"')).views).toEqual([]);
    vi.spyOn(document, 'hidden', 'get').mockReturnValue(true);
    expect(show(tile(1)).views).toEqual([]);
  });
});

describe('the report', () => {
  const frames: FrameRequestCallback[] = [];
  const paint = async () => {
    await Promise.resolve();
    for (const frame of frames.splice(0)) frame(0);
    await Promise.resolve();
    await Promise.resolve();
  };

  beforeEach(() => {
    frames.length = 0;
    vi.stubGlobal('requestAnimationFrame', (frame: FrameRequestCallback) => frames.push(frame));
    vi.stubGlobal(
      'ResizeObserver',
      class {
        observe() {}
        disconnect() {}
      },
    );
  });

  it('is said when something changes and not again when nothing does', async () => {
    const said: PictureLayout[] = [];
    const report = new PictureReport((layout) => {
      said.push(layout);
      return Promise.resolve();
    });
    await paint();
    expect(said).toEqual([]);
    document.body.innerHTML = tile(1);
    await paint();
    expect(said).toMatchObject([{ views: [{ stream: 1 }] }]);
    document.body.dispatchEvent(new Event('pointerover', { bubbles: true }));
    await paint();
    expect(said.length).toBe(1);
    document.body.innerHTML = '';
    await paint();
    expect(said.at(-1)).toEqual({ views: [] });
    report.end();
    document.body.innerHTML = tile(1);
    await paint();
    expect(said.length).toBe(2);
  });

  it('goes on from frame to frame while something moves', async () => {
    const moving = { playState: 'running', effect: { getTiming: () => ({ iterations: 1 }) } };
    document.getAnimations = () => [moving as unknown as Animation];
    document.body.innerHTML = tile(1);
    const report = new PictureReport(() => Promise.resolve());
    for (let round = 0; round < 3; round += 1) {
      expect(frames.length).toBe(1);
      await paint();
    }
    document.getAnimations = () => [];
    await paint();
    expect(frames.length).toBe(0);
    report.end();
  });

  it('hands over one message at a time, and the latest', async () => {
    const said: PictureLayout[] = [];
    let done = () => {};
    const report = new PictureReport((layout) => {
      said.push(layout);
      return new Promise((resolve) => {
        done = resolve;
      });
    });
    for (const stream of [1, 2, 3]) {
      document.body.innerHTML = tile(stream);
      await paint();
    }
    expect(said.map(({ views }) => views[0]?.stream)).toEqual([1]);
    done();
    await paint();
    expect(said.map(({ views }) => views[0]?.stream)).toEqual([1, 3]);
    report.end();
  });
});
