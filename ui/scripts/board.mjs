// Measures the whiteboard with 2,000 strokes in headless Chromium, without a graphics card: `npm run board`. How long it takes
// to open, what a picture takes while somebody draws, erases and moves the board, and how many there are a second.
import { served } from './served.mjs';

const { address, browser, close } = await served();
const rows = [];
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  page.on('pageerror', (error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
  // What the page's thread computed, whatever else the machine does meanwhile.
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  const computed = async () => {
    const { metrics } = await session.send('Performance.getMetrics');
    return metrics.find(({ name }) => name === 'TaskDuration').value * 1_000;
  };
  await page.goto(`${address}?scene=board-2000&theme=dark`);
  await page.waitForTimeout(1_000);
  const before = await computed();
  // Until the first picture with something on it, until everything is painted, and how long nothing else could happen.
  const opened = await page.evaluate(async () => {
    const begun = performance.now();
    const next = () => new Promise((resolve) => requestAnimationFrame(() => resolve(performance.now())));
    const root = () => document.querySelector('[data-testid="board-canvas"]');
    dispatchEvent(new KeyboardEvent('keydown', { key: 'b' }));
    let last = begun;
    let longest = 0;
    let first;
    while (last - begun < 20_000 && root()?.dataset.whole === undefined) {
      const now = await next();
      longest = Math.max(longest, now - last);
      last = now;
      if (root()?.dataset.sheet !== undefined) first ??= now - begun;
    }
    return { first, whole: last - begun, longest };
  });
  rows.push(['open: key to first picture', opened.first], ['open: key to all of it', opened.whole]);
  rows.push(['open: longest between two', opened.longest], ['open: computed', (await computed()) - before]);
  await page.waitForTimeout(1_500);
  const canvas = page.getByTestId('board-canvas');
  const box = await canvas.boundingBox();
  const center = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  // Pictures a second while the mouse moves, and what our part of each took.
  const watch = (what) =>
    page.evaluate((name) => {
      const root = document.querySelector('[data-testid="board-canvas"]');
      const seen = {
        frames: 0,
        longest: 0,
        begun: performance.now(),
        ms: [],
        last: performance.now(),
        on: true,
      };
      window.watched = seen;
      const observer = new MutationObserver(() => seen.ms.push(Number(root.dataset[name])));
      observer.observe(root, { attributes: true, attributeFilter: [`data-${name}`] });
      const frame = () => {
        if (!seen.on) return observer.disconnect();
        const now = performance.now();
        seen.longest = Math.max(seen.longest, now - seen.last);
        seen.last = now;
        seen.frames += 1;
        requestAnimationFrame(frame);
      };
      requestAnimationFrame(frame);
    }, what);
  const told = async (name) => {
    const { fps, longest, mean, most } = await page.evaluate(() => {
      const { watched } = window;
      watched.on = false;
      const ms = watched.ms.length > 0 ? watched.ms : [0];
      return {
        fps: (watched.frames * 1_000) / (performance.now() - watched.begun),
        longest: watched.longest,
        mean: ms.reduce((sum, one) => sum + one, 0) / ms.length,
        most: Math.max(...ms),
      };
    });
    rows.push([`${name}: mean of ours`, mean], [`${name}: most`, most]);
    rows.push([`${name}: pictures a second`, fps], [`${name}: longest between two`, longest]);
  };
  const scribble = async () => {
    await page.mouse.move(center.x - 200, center.y);
    await page.mouse.down();
    for (let at = 0; at < 240; at += 1) {
      await page.mouse.move(center.x - 200 + at * 1.6, center.y + 80 * Math.sin(at / 9));
      await page.waitForTimeout(4);
    }
    await page.mouse.up();
    await page.waitForTimeout(200);
  };
  await watch('live');
  await scribble();
  await told('draw');
  await page.keyboard.press('e');
  await watch('live');
  await scribble();
  await told('erase');
  await watch('sheet');
  for (let at = 0; at < 60; at += 1) {
    await page.mouse.wheel(at % 2 === 0 ? 12 : 4, 9);
    await page.waitForTimeout(12);
  }
  await page.waitForTimeout(300);
  await told('move');
} finally {
  await close();
}
for (const [name, value] of rows) console.log(`${name.padEnd(32)} ${value.toFixed(1)}`);
