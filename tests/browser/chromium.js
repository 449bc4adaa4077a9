// Chromium as it is installed here, without a window, with files for camera and microphone.

import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

function find() {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    for (const name of NAMES) {
      const path = join(folder, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // Not this one.
      }
    }
  }
  throw new Error('there is no Chromium in the PATH');
}

/** @typedef {{ camera: string, microphone: string }} Files */

/** @param {Files} files */
const options = ({ camera, microphone }) => ({
  executablePath: find(),
  args: [
    '--disable-gpu',
    '--disable-quic',
    '--autoplay-policy=no-user-gesture-required',
    '--use-fake-ui-for-media-stream',
    '--use-fake-device-for-media-stream',
    `--use-file-for-fake-video-capture=${camera}`,
    `--use-file-for-fake-audio-capture=${microphone}`,
  ],
});

/** @param {Files} files */
export function launch(files) {
  return chromium.launch(options(files));
}

/**
 * A browser whose process is known, in a network namespace of its own when one is named.
 * @param {Files} files
 * @param {string} [namespace]
 */
export async function launchServer(files, namespace) {
  const usual = options(files);
  const folder = mkdtempSync(join(tmpdir(), 'tincan-chromium-'));
  if (namespace) {
    // Playwright starts one file; this one becomes Chromium, with the same process id.
    const script = join(folder, 'chromium');
    writeFileSync(script, `#!/bin/sh\nexec ip netns exec ${namespace} ${usual.executablePath} "$@"\n`, { mode: 0o755 });
    usual.executablePath = script;
  }
  const server = await chromium.launchServer(usual);
  const browser = await chromium.connect(server.wsEndpoint());
  return {
    pid: server.process().pid ?? 0,
    newPage: () => browser.newPage(),
    version: () => browser.version(),
    close: async () => {
      await server.close();
      rmSync(folder, { recursive: true });
    },
  };
}
