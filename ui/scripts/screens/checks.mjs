// What is wrong with a screen that a program can see: what sticks out or is cut off, what axe-core finds, and what a person
// without a mouse cannot reach, see or leave.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What reaches beyond the window, and texts that their buttons cut off. */
export const fit = (page) =>
  page.evaluate(() => {
    const named = (one) =>
      one.dataset.testid ?? one.getAttribute('aria-label') ?? one.textContent.trim().slice(0, 40);
    const shown = (one) => one.checkVisibility({ opacityProperty: true, visibilityProperty: true });
    const found = [];
    const root = document.scrollingElement;
    if (root.scrollWidth > root.clientWidth) found.push('wider than the window');
    if (root.scrollHeight > root.clientHeight) found.push('higher than the window');
    for (const one of document.querySelectorAll('button, input, select, textarea, h1, h2, p, summary')) {
      const { left, right, width, height } = one.getBoundingClientRect();
      if (width <= 1 || height <= 1 || !shown(one)) continue;
      if (left < -1 || right > innerWidth + 1) found.push(`sticks out: ${named(one)}`);
      const free = one.tagName === 'BUTTON' && getComputedStyle(one).overflow === 'visible';
      if (free && one.scrollWidth > one.clientWidth + 1 && !one.querySelector('.count, .badge'))
        found.push(`too narrow for its text: ${named(one)}`);
    }
    return found;
  });

/** What axe-core finds of WCAG 2.2 A and AA, and of its best practices. */
export async function accessible(page) {
  await page.evaluate(axe);
  const violations = await page.evaluate(async () => {
    const { violations } = await window.axe.run(document, {
      resultTypes: ['violations'],
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    });
    return violations.map(({ id, nodes }) => ({
      id,
      where: nodes.slice(0, 3).map(({ target, any, all, none }) => {
        const why = [...any, ...all, ...none].map(({ message }) => message)[0] ?? '';
        return `${target.join(' ')} (${why})`;
      }),
    }));
  });
  return violations.map(({ id, where }) => `axe ${id}: ${where.join('; ')}`);
}

/** Where the focus is, and what Tab ought to come by. */
const focus = (page) =>
  page.evaluate(() => {
    const one = document.activeElement;
    if (!one || one === document.body) return undefined;
    const { outlineStyle, outlineWidth } = getComputedStyle(one);
    window.walked.add(one);
    return {
      name: `${one.tagName.toLowerCase()} ${one.dataset.testid ?? one.getAttribute('aria-label') ?? one.id}`,
      at: window.targets.indexOf(one),
      seen: outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 2,
      shown: one.checkVisibility({ opacityProperty: true, visibilityProperty: true }),
    };
  });

/** Tab comes by all that can be used, shows where it is, and goes on; Escape closes what lies over the screen. */
export async function walk(page) {
  const found = [];
  const count = await page.evaluate(() => {
    const scope = [...document.querySelectorAll('dialog[open]')].at(-1) ?? document;
    const usable = 'button, a[href], input, select, textarea, summary, [tabindex="0"]';
    window.walked = new Set();
    window.targets = [...scope.querySelectorAll(usable)].filter(
      (one) =>
        one.tabIndex >= 0 &&
        !one.disabled &&
        !one.closest('[inert]') &&
        one.checkVisibility({ visibilityProperty: true, contentVisibilityAuto: true }),
    );
    return window.targets.length;
  });
  // A menu is one stop, left by Tab: its entries are walked by arrows, and what opened it has the focus again.
  const menu = (await page.locator('[role="menu"]:visible').count()) > 0;
  if (!menu) {
    let last;
    let rounds = 0;
    for (let step = 0; step < count * 2 + 6 && rounds < 2; step += 1) {
      await page.keyboard.press('Tab');
      const here = await focus(page);
      if (here === undefined) rounds += 1;
      else {
        if (!here.seen) found.push(`focus is not to be seen on ${here.name}`);
        if (!here.shown) found.push(`focus on something hidden: ${here.name}`);
        if (here.name === last?.name && here.at === last.at && count > 1) {
          found.push(`Tab is trapped in ${here.name}`);
          break;
        }
      }
      last = here;
    }
    const missed = await page.evaluate(() =>
      window.targets
        // What is no stop of its own any more needs none: a tool that was put down, for instance.
        .filter((one) => one.isConnected && one.tabIndex >= 0 && !window.walked.has(one))
        .map((one) => one.dataset.testid ?? one.getAttribute('aria-label') ?? one.textContent.trim()),
    );
    for (const name of new Set(missed)) found.push(`Tab does not come by ${name}`);
  }
  const over = page.locator('dialog[open], [role="menu"]:visible');
  for (let left = await over.count(); left > 0;) {
    await page.keyboard.press('Escape');
    await page.waitForTimeout(100);
    const now = await over.count();
    if (now >= left) {
      found.push('Escape does not close what lies over the screen');
      break;
    }
    left = now;
  }
  return [...new Set(found)];
}
