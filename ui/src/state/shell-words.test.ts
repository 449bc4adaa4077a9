import { afterEach, expect, it } from 'vitest';
import { speak } from '../words';
import { invitation } from './call-status';
import { Session } from './session.svelte';
import { call, ScriptedCore } from './testing';
import { Toasts } from './toasts.svelte';

afterEach(() => speak('en'));

it('has the shell say what it says itself in the window’s language', async () => {
  const core = new ScriptedCore();
  await new Session(core, new Toasts(() => undefined)).start();
  const knock = (name: string) => [
    { code: 'told_knock', message: 'Somebody asks to be let in.', parameters: { name } },
  ];
  const lost = [
    {
      code: 'told_not_received',
      message: '3 files: this did not come.',
      parameters: { file: '', count: 3 },
    },
    { code: 'not_known_here', message: 'The disk is full.' },
  ];
  expect(core.say?.(knock(''))).toBe('Somebody asks to be let in.');
  await speak('de');
  expect(core.say?.(knock(''))).toBe('Jemand bittet um Einlass.');
  expect(core.say?.(knock('Ada'))).toBe('Ada bittet um Einlass.');
  expect(core.say?.(lost)).toBe('3 Dateien: kamen nicht an. The disk is full.');
});

it('invites in the window’s language, with a link that ends where it ends', async () => {
  const link = 'tincan://join/kqz4m8trxp';
  const view = call({
    invitation: {
      code: 'invitation',
      message: `Let us talk on Tincan.\n\nLink: ${link}`,
      parameters: { code: 'kqz4-m8tr-xp', link, page: 'none' },
    },
  });
  expect(invitation(view)).toContain('Let us talk on Tincan.');
  await speak('ar');
  const arabic = invitation(view);
  expect(arabic).toContain('لنتحدث');
  expect(arabic.split('\n').map((line) => line.split(': ')[1])).toContain(link);
  expect(arabic).not.toMatch(/[\u2066-\u2069]/u);
});
