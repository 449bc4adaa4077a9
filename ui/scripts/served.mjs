// The page with the mock core, served with the app's own content policy, so that what the policy forbids shows here too;
// and a headless Chromium to look at it.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { build, preview } from 'vite';

/** How large text is in a browser that nobody changed, in CSS pixels. */
const TEXT_PX = 16;

const MOUSE = 'primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4';

/** `text`: the size that the person reads by, in per cent of the usual one, as the system or the browser has it set. */
export async function served({ text = 100 } = {}) {
  const dist = mkdtempSync(join(tmpdir(), 'tincan-mock-'));
  await build({ mode: 'mock', logLevel: 'warn', build: { outDir: dist, emptyOutDir: true } });
  const config = JSON.parse(
    await readFile(new URL('../../src-tauri/tauri.conf.json', import.meta.url), 'utf8'),
  );
  // The page's own style is allowed by its hash here, and by a nonce in the app.
  const page = await readFile(join(dist, 'index.html'), 'utf8');
  const styles = [...page.matchAll(/<style>([^]*?)<\/style>/g)].map(
    ([, style]) => `'sha256-${createHash('sha256').update(style).digest('base64')}'`,
  );
  const policy = Object.entries(config.app.security.csp)
    .map(([name, sources]) => [name, sources, ...(name === 'style-src' ? styles : [])].join(' '))
    .join('; ');
  const server = await preview({
    mode: 'mock',
    build: { outDir: dist },
    preview: { host: '127.0.0.1', port: 0, headers: { 'Content-Security-Policy': policy } },
  });
  const [address] = server.resolvedUrls.local;
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--enable-unsafe-swiftshader',
      // Without the others Chromium takes the machine for one with a touch screen and no mouse.
      `--blink-settings=defaultFontSize=${(TEXT_PX * text) / 100},${MOUSE}`,
    ],
  });
  const close = async () => {
    await browser.close();
    await server.close();
    rmSync(dist, { recursive: true, force: true });
  };
  return { address, browser, close };
}
