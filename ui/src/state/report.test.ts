import { afterEach, expect, it } from 'vitest';
import { speak } from '../words';
import { reportWords } from './report';
import { Session } from './session.svelte';
import { ScriptedCore } from './testing';
import { Toasts } from './toasts.svelte';

afterEach(() => speak('en'));

it('hands the engine the words of a report in the window’s language, with places for what they name', async () => {
  expect(reportWords()).toEqual({ language: 'en', rightToLeft: false, decimal: '.', words: {} });
  await speak('de');
  const german = reportWords();
  expect(german).toMatchObject({ language: 'de', rightToLeft: false, decimal: ',' });
  expect(german.words).toMatchObject({
    report_person: 'Person {number}',
    report_nobody: 'Sonst war niemand da.',
  });
  expect(Object.keys(german.words).filter((code) => /saved|folder/u.test(code))).toEqual([]);
  await speak('ar');
  expect(reportWords()).toMatchObject({ language: 'ar', rightToLeft: true });
  expect(reportWords().words['report_path']).toMatch(/\{number\}.*\{path\}/u);
});

it('says where a report was saved, and nothing when the person changed their mind', async () => {
  const core = new ScriptedCore();
  const session = new Session(core, new Toasts(() => undefined));
  await session.start();
  core.place = '/home/robin/report.html';
  await session.saveReport(new Date(2026, 1, 3, 4, 5));
  expect(core.shell.at(-1)).toEqual(['save report', 'Tincan report 2026-02-03 04.05.html', reportWords()]);
  expect(session.toasts.list.map(({ message }) => message)).toEqual([
    'The report was saved as /home/robin/report.html.',
  ]);
  core.place = null;
  await session.saveReport(new Date());
  expect(session.toasts.list.length).toBe(1);
});
