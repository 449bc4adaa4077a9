// Takes a picture of every screen, with the mock core, in headless Chromium, and looks for what a program can find there:
// `npm run screens -- [--to DIRECTORY] [--only 1280x800|360x480|…|text] [--theme dark|light] [--language de|ar|…] [NAME…]`.
// The page is served with the app's own content policy, so that what the policy forbids shows here too.
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { accessible, fit, walk } from './screens/checks.mjs';
import { screens } from './screens/list.mjs';
import { served } from './served.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    to: { type: 'string' },
    only: { type: 'string' },
    theme: { type: 'string' },
    language: { type: 'string', default: 'en' },
  },
});
const directory = values.to ?? join(tmpdir(), 'tincan-screens');
/** `text`: what the person reads by, in per cent. Larger text needs no second theme: nothing about it is a colour. */
const usual = [
  { width: 1280, height: 800, walked: true },
  { width: 360, height: 480, walked: true },
  { width: 800, height: 600 },
  { width: 2560, height: 1440 },
  { width: 1280, height: 800, text: 200, themes: ['dark'] },
  { width: 800, height: 600, text: 200, themes: ['light'] },
];
const sizeOf = ({ width, height, text }) => (text === undefined ? `${width}x${height}` : 'text');
/** A size that is not among them is looked at all the same when it is asked for. */
const [width, height] = (values.only ?? '').split('x').map(Number);
const wanted = usual.filter((one) => values.only === undefined || values.only === sizeOf(one));
const looks = wanted.length > 0 ? wanted : [{ width, height }];
/** Pages that wait for their pictures wait beside each other. */
const AT_ONCE = 3;
/** The mock's pictures, notices and transitions are there by then. */
const SETTLED_MS = 300;

const problems = [];

async function look(context, address, screen, theme, { walked, text }, name) {
  const page = await context.newPage();
  const tell = (problem) => problems.push(`${name}: ${problem}`);
  page.on('console', (message) => {
    if (message.type() === 'error') tell(message.text());
  });
  page.on('pageerror', (error) => tell(error.message));
  try {
    await page.goto(`${address}?scene=${screen.scene ?? screen.name}&theme=${theme}`);
    await page.waitForTimeout(SETTLED_MS);
    await screen.then?.(page);
    await page.waitForTimeout(SETTLED_MS);
    await page.screenshot({ path: join(directory, `${name}.png`) });
    for (const problem of await fit(page)) tell(problem);
    for (const problem of await accessible(page)) tell(problem);
    if (walked && theme === 'dark' && text === undefined) {
      for (const problem of await walk(page)) tell(problem);
    }
  } catch (error) {
    tell(error.message.split('\n')[0]);
  }
  await page.close();
}

mkdirSync(directory, { recursive: true });
for (const { themes = ['dark', 'light'], ...how } of looks) {
  const { width, height, text } = how;
  const { address, browser, close } = await served({ text });
  try {
    for (const theme of themes) {
      if (values.theme !== undefined && values.theme !== theme) continue;
      const context = await browser.newContext({
        viewport: { width, height },
        // The window speaks the system's language.
        locale: values.language,
        // What moves is where it ends.
        reducedMotion: 'reduce',
      });
      const waiting = screens.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
      const worker = async () => {
        for (let screen = waiting.shift(); screen !== undefined; screen = waiting.shift()) {
          const name = `${screen.name}-${values.language === 'en' ? '' : `${values.language}-`}${width}${text === undefined ? '' : `-text${text}`}-${theme}`;
          await look(context, address, screen, theme, how, name);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, worker));
      await context.close();
    }
  } finally {
    await close();
  }
}
for (const problem of problems) console.error(problem);
console.log(`${directory}: ${problems.length === 0 ? 'no problems' : `${problems.length} problems`}`);
process.exitCode = problems.length === 0 ? 0 : 1;
