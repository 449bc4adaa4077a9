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

/**
 * Where a browser runs: with files for its devices, or with those of a PulseAudio; in a network namespace if one is named; with
 * a window, and sharing all of its screen when asked, on the X display that is named.
 * @typedef {{ files?: Files, pulse?: string | undefined, namespace?: string | undefined, display?: string | undefined }} Place
 */

/** @param {Files} files */
const fake = ({ camera, microphone }) => [
  '--use-fake-device-for-media-stream',
  `--use-file-for-fake-video-capture=${camera}`,
  `--use-file-for-fake-audio-capture=${microphone}`,
];

/** @param {Place} place */
const options = ({ files, pulse, display }) => ({
  executablePath: find(),
  args: [
    '--disable-gpu',
    '--disable-quic',
    '--autoplay-policy=no-user-gesture-required',
    // It would choose nothing to share.
    ...(display ? [] : ['--use-fake-ui-for-media-stream']),
    ...(files ? fake(files) : []),
    // Out of the picture that it shares.
    ...(display ? ['--auto-select-desktop-capture-source=Entire screen', '--window-position=1900,1060'] : []),
  ],
  ...(display ? { headless: false, env: { ...process.env, DISPLAY: display } } : {}),
  ...(pulse
    ? { ignoreDefaultArgs: ['--mute-audio'], env: { ...process.env, PULSE_SERVER: pulse } }
    : {}),
});

/** @param {Files} files */
export function launch(files) {
  return chromium.launch(options({ files }));
}

/**
 * A browser whose process is known.
 * @param {Place} place
 */
export async function launchServer(place) {
  const { namespace } = place;
  const usual = options(place);
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
