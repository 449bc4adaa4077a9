// One of the browsers that are in a call with each other: with `page/measure.html`, whose words go to the others at once.

import { launchServer } from './chromium.js';
import { usage } from './processes.js';

export class Side {
  /**
   * @param {Awaited<ReturnType<typeof launchServer>>} browser
   * @param {import('playwright-core').Page} page
   */
  constructor(browser, page) {
    this.browser = browser;
    this.page = page;
  }

  /**
   * A browser that is known to the others from then on, by its place among them.
   * @param {Side[]} room where it is put, so that it can be closed whatever happens
   * @param {import('./chromium.js').Place} place
   * @param {string} url of the page
   * @param {object} options of the page's `open`
   */
  static async enter(room, place, url, options) {
    const browser = await launchServer(place);
    const page = await browser.newPage();
    if (place.namespace) {
      // Our server is not on that network: what it serves is handed over by this program.
      await page.route('**', async (route) => {
        const answer = await fetch(route.request().url());
        const headers = { 'content-type': answer.headers.get('content-type') ?? '' };
        await route.fulfill({ status: answer.status, headers, body: Buffer.from(await answer.arrayBuffer()) });
      });
    }
    const side = new Side(browser, page);
    const from = room.push(side) - 1;
    // One after the other: a candidate must not overtake its description.
    let order = Promise.resolve();
    await page.exposeFunction('say', (/** @type {{ to: number }} */ { to, ...words }) => {
      order = order.then(() => room[to]?.call('hear', { from, ...words }));
    });
    await page.goto(url, { waitUntil: 'load' });
    await side.call('open', options);
    return side;
  }

  /**
   * @param {string} name
   * @param {any} [argument]
   * @returns {Promise<any>}
   */
  call(name, argument) {
    return this.page.evaluate(
      ([name, argument]) => /** @type {any} */ (window).side[name](argument),
      /** @type {const} */ ([name, argument]),
    );
  }

  async sample() {
    return { at: performance.now(), usage: usage(this.browser.pid), links: await this.call('statistics') };
  }
}

/**
 * Makes a call of all of them: one after the other offers to those before it. Returns when the last one began to offer.
 * @param {Side[]} room
 */
export async function meet(room) {
  let began = 0;
  for (const [n, side] of room.entries()) {
    const before = room.slice(0, n);
    await Promise.all(before.map(({ page }) => page.waitForFunction('side.connected()', null, { timeout: 0 })));
    began = n === 0 ? 0 : await side.call('offer', [...before.keys()]);
  }
  return began;
}
