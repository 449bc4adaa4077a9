// One side of a call between two browsers: a browser with `page/measure.html`, whose words go to the other side at once.

import { launchServer } from './chromium.js';
import { usage } from './processes.js';

export class Side {
  /** Which of the two; the other one hears what it says. */
  /** @type {Side | undefined} */
  other;

  /**
   * @param {Awaited<ReturnType<typeof launchServer>>} browser
   * @param {import('playwright-core').Page} page
   */
  constructor(browser, page) {
    this.browser = browser;
    this.page = page;
  }

  /**
   * @param {import('./chromium.js').Place} place
   * @param {string} url of the page
   * @param {object} options of the page's `open`
   */
  static async open(place, url, options) {
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
    // One after the other: a candidate must not overtake its description.
    let order = Promise.resolve();
    await page.exposeFunction('say', (/** @type {object} */ words) => {
      order = order.then(() => side.other?.call('hear', words));
    });
    await page.goto(url, { waitUntil: 'load' });
    await side.call('open', options);
    return side;
  }

  /**
   * @param {string} name
   * @param {object} [argument]
   * @returns {Promise<any>}
   */
  call(name, argument) {
    return this.page.evaluate(
      ([name, argument]) => /** @type {any} */ (window).side[name](argument),
      /** @type {const} */ ([name, argument]),
    );
  }

  async sample() {
    return { at: performance.now(), usage: usage(this.browser.pid), statistics: await this.call('statistics') };
  }
}

/**
 * Opens both sides and makes a call of them; returns when the first one began to offer.
 * @param {(n: number) => Promise<Side>} open
 * @param {Side[]} sides where they are put, so that they can be closed whatever happens
 */
export async function call(open, sides) {
  for (const n of [0, 1]) {
    sides.push(await open(n));
  }
  const [a, b] = /** @type {[Side, Side]} */ (sides);
  [a.other, b.other] = [b, a];
  return await a.call('offer');
}
