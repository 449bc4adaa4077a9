import { expect, test } from 'vitest';
import type { ScreenChoice, ShareView } from '../core/core';
import { Session } from './session.svelte';
import { isMinimised, shareSays, ShareModel } from './share.svelte';
import { ScriptedCore, snapshot } from './testing';

const SCREEN: ScreenChoice = { id: 'monitor:DP-1', name: 'Screen DP-1', kind: 'monitor', picture: 'data:' };
const WINDOW: ScreenChoice = { id: 'window:0x1', name: 'Letters', kind: 'window', picture: null };
const SHARED: ShareView = {
  id: 'window:0x1',
  name: 'Letters',
  width: 0,
  height: 0,
  smooth: false,
  choosing: false,
  hidden: false,
};

async function model(share: ShareView | null = null) {
  const core = new ScriptedCore();
  const { preview } = snapshot();
  core.snapshot = snapshot({ preview: { ...preview, share } });
  const session = new Session(core);
  await session.start();
  return { core, share: new ShareModel(session) };
}

test('whoever shares nothing is asked what, with screens before windows', async () => {
  const { core, share } = await model();
  core.answers.set('list_screens', { type: 'screens', screens: [SCREEN, WINDOW] });
  await share.choose();
  expect([share.open, share.screens, share.windows]).toEqual([true, [SCREEN], [WINDOW]]);
  share.smooth = true;
  await share.share(WINDOW.id);
  expect(share.open).toBe(false);
  expect(core.asked.at(-1)).toEqual({ type: 'share_screen', id: 'window:0x1', smooth: true });
});

test('where the desktop asks what to share, there is one thing to press, which is no minimised window', async () => {
  const { core, share } = await model();
  const dialog: ScreenChoice = { id: 'portal', name: 'Choose', kind: 'dialog', picture: null };
  core.answers.set('list_screens', { type: 'screens', screens: [dialog] });
  await share.choose();
  expect([share.dialogs, share.screens, share.windows]).toEqual([[dialog], [], []]);
  expect([dialog, WINDOW].map(isMinimised)).toEqual([false, true]);
  expect(shareSays({ ...SHARED, choosing: true })).toContain('Choose');
});

test('whoever shares stops at once', async () => {
  const { core, share } = await model(SHARED);
  share.toggle();
  expect(share.open).toBe(false);
  expect(core.asked.at(-1)).toEqual({ type: 'stop_sharing' });
});

test('why nothing can be shared is said in the sheet', async () => {
  const { core, share } = await model();
  const message = 'Sharing a screen is not built for Windows yet.';
  core.answers.set('list_screens', { code: 'screen_not_built', message });
  await share.choose();
  expect([share.problem, share.choices]).toEqual([message, undefined]);
});

test('a look that was overtaken changes nothing', async () => {
  const { core, share } = await model();
  core.answers.set('list_screens', { type: 'screens', screens: [SCREEN] });
  const late = share.choose();
  share.close();
  await late;
  expect([share.open, share.choices]).toEqual([false, undefined]);
});

test('a window that is minimised is said to be', () => {
  expect(shareSays(SHARED)).toBe('You are sharing');
  expect(shareSays({ ...SHARED, hidden: true })).toContain('minimised');
});
