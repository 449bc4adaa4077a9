import { afterEach, describe, expect, it } from 'vitest';
import { size, summary } from '../state/files';
import { clock, names, people, when } from '../state/format';
import { transfer } from '../state/testing';
import { along, LANGUAGES, list, sentence, speak, systemLanguage, t, writing } from '.';
import { marked } from './marked';

afterEach(() => speak('en'));

describe('the language', () => {
  it('is the first of the system’s that the window speaks', () => {
    expect(systemLanguage(['it-IT', 'pt', 'fr-CA', 'de'])).toBe('fr');
    expect(systemLanguage(['zh-Hans-CN'])).toBe('zh');
    expect(systemLanguage(['it'])).toBe('en');
    expect(systemLanguage([])).toBe('en');
  });

  it('counts for all that is said from then on', async () => {
    expect(t('app.join')).toBe('Join');
    await speak('de');
    expect([t('app.join'), writing().lang, writing().dir]).toEqual(['Beitreten', 'de', 'ltr']);
    await speak('ar');
    expect(writing()).toEqual({ lang: 'ar', dir: 'rtl' });
  });

  it('is the one that was chosen last, whichever is read first', async () => {
    await Promise.all([speak('fr'), speak('es'), speak('de')]);
    expect(writing().lang).toBe('de');
  });

  it.each(LANGUAGES)('can be $name', async ({ id }) => {
    await speak(id);
    expect(writing().lang).toBe(id);
    expect(t('app.language')).not.toBe('');
  });
});

describe('numbers', () => {
  it('bend words as the language does', async () => {
    await speak('ar');
    expect([1, 2, 3, 11, 100].map(people)).toEqual(['شخص واحد', 'شخصان', '3 أشخاص', '11 شخصًا', '100 شخص']);
    await speak('fr');
    expect([1, 2].map(people)).toEqual(['1 personne', '2 personnes']);
  });

  it('have the language’s point, and sizes its units', async () => {
    expect(size(2_400_000)).toBe('2.4 MB');
    await speak('de');
    expect(size(2_400_000)).toBe('2,4 MB');
    await speak('fr');
    expect(size(2_400_000)).toBe('2,4 Mo');
  });

  it('of clocks are the same everywhere', async () => {
    await speak('ar');
    expect(clock(3_723)).toBe('1:02:03');
  });

  it('stand in sentences about many', async () => {
    await speak('de');
    const transfers = [
      transfer({ state: 'done' }),
      transfer({ state: 'done' }),
      transfer({ state: 'offered' }),
    ];
    expect(summary({ transfers })).toBe('2 haben es, 1 ist unentschieden');
    expect(when(0, 120_000)).toBe('vor 2 Minuten');
  });
});

describe('names', () => {
  it('are joined as the language joins', async () => {
    expect(list(['A', 'B', 'C'])).toBe('A, B and C');
    await speak('es');
    expect(list(['Ada', 'Inés'])).toBe('Ada e Inés');
    await speak('zh');
    expect(names(['A', 'B', 'C', 'D'])).toBe('\u2068A\u2069、\u2068B\u2069和另外 2 人');
  });

  it('and all else that is written the other way stand apart among letters from right to left', async () => {
    await speak('ar');
    expect(t('call.left', { name: 'Ada' })).toBe('غادر \u2068Ada\u2069');
    expect(t('call.left', { name: '\u2068Ada\u2069' })).toBe('غادر \u2068Ada\u2069');
    expect(t('call.left', { name: 'ليلى' })).toBe('غادر ليلى');
  });

  it('are taken out of a sentence with what matters in it, and are never marks themselves', () => {
    expect(marked('<b>\u2068<b>A\u2069</b> wants in')).toEqual([
      { text: '<b>A', strong: true, apart: true },
      { text: ' wants in', strong: false, apart: false },
    ]);
  });
});

describe('a sentence of the engine', () => {
  const full = {
    code: 'room_full',
    message: 'This call is full: it has room for 4 people.',
    parameters: { capacity: 4 },
  };

  it('is the engine’s own in English', () => {
    expect(sentence(full)).toBe(full.message);
  });

  it('has words in another language, with what it names', async () => {
    await speak('de');
    expect(sentence(full)).toBe('Dieser Anruf ist voll: Er hat Platz für 4 Personen.');
    expect(sentence({ code: 'participant_left', message: 'Somebody left.', parameters: { name: '' } })).toBe(
      'Jemand ist gegangen.',
    );
  });

  it('stays English where its code is not known, or it does not name what the words need', async () => {
    await speak('de');
    expect(sentence({ code: 'of_a_later_version', message: 'It is new.' })).toBe('It is new.');
    expect(sentence({ ...full, parameters: {} })).toBe(full.message);
  });
});

it('arrows walk along rows as these are written', async () => {
  expect([along('ArrowLeft'), along('Home')]).toEqual(['ArrowLeft', 'Home']);
  await speak('ar');
  expect([along('ArrowLeft'), along('ArrowRight'), along('ArrowUp')]).toEqual([
    'ArrowRight',
    'ArrowLeft',
    'ArrowUp',
  ]);
});
