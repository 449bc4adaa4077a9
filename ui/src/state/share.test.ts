import { expect, test } from 'vitest';
import type { ScreenChoice, ShareView } from '../core/core';
import { Session } from './session.svelte';
import { isMinimised, shareSays, ShareModel, shareSoundSays } from './share.svelte';
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
  sound: null,
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
  core.answers.set('list_screens', { type: 'screens', screens: [SCREEN, WINDOW], sound: false });
  await share.choose();
  expect([share.open, share.screens, share.windows]).toEqual([true, [SCREEN], [WINDOW]]);
  share.smooth = true;
  await share.share(WINDOW.id);
  expect(share.open).toBe(false);
  expect(core.asked.at(-1)).toEqual({ type: 'share_screen', id: 'window:0x1', smooth: true, sound: null });
});

test('where the desktop asks what to share, there is one thing to press, which is no minimised window', async () => {
  const { core, share } = await model();
  const dialog: ScreenChoice = { id: 'portal', name: 'Choose', kind: 'dialog', picture: null };
  core.answers.set('list_screens', { type: 'screens', screens: [dialog], sound: true });
  await share.choose();
  expect([share.dialogs, share.screens, share.windows]).toEqual([[dialog], [], []]);
  expect([dialog, WINDOW].map(isMinimised)).toEqual([false, true]);
  expect(shareSays({ ...SHARED, choosing: true })).toContain('Choose');
});

test('sound goes with it where it can, when the switch is on, which is remembered', async () => {
  const { core, share } = await model();
  core.answers.set('list_screens', { type: 'screens', screens: [SCREEN], sound: true });
  await share.choose();
  expect([share.canSound, share.sound]).toEqual([true, false]);
  share.setSound(true);
  const { settings } = core.snapshot;
  expect(core.asked.at(-1)).toEqual({ type: 'update_settings', settings: { ...settings, shareSound: true } });
  core.tell({ type: 'settings', settings: { ...settings, shareSound: true } });
  await share.share(SCREEN.id);
  expect(core.asked.at(-1)).toMatchObject({ type: 'share_screen', sound: 'system' });
});

test('where this computer’s sound cannot be shared none is asked for', async () => {
  const { core, share } = await model();
  core.tell({ type: 'settings', settings: { ...core.snapshot.settings, shareSound: true } });
  core.answers.set('list_screens', { type: 'screens', screens: [SCREEN], sound: false });
  await share.choose();
  await share.share(SCREEN.id);
  expect(core.asked.at(-1)).toMatchObject({ type: 'share_screen', sound: null });
});

test('what becomes of the sound is said', () => {
  const problem = { code: 'shared_sound_lost', message: 'The sound server stopped.', parameters: {} };
  expect(shareSoundSays(SHARED)).toBeUndefined();
  expect(shareSoundSays({ ...SHARED, sound: { working: false, problem: null } })).toBeUndefined();
  expect(shareSoundSays({ ...SHARED, sound: { working: true, problem: null } })).toContain('sound');
  expect(shareSoundSays({ ...SHARED, sound: { working: false, problem } })).toBe(problem.message);
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
  core.answers.set('list_screens', { type: 'screens', screens: [SCREEN], sound: true });
  const late = share.choose();
  share.close();
  await late;
  expect([share.open, share.choices]).toEqual([false, undefined]);
});

test('a window that is minimised is said to be', () => {
  expect(shareSays(SHARED)).toBe('You are sharing');
  expect(shareSays({ ...SHARED, hidden: true })).toContain('minimised');
});
