import { describe, expect, it } from 'vitest';
import { clock, duration, initials, names, when } from './format';

describe('words', () => {
  it('tell how long a call lasts', () => {
    expect([clock(59), clock(245), clock(3_723)]).toEqual(['0:59', '4:05', '1:02:03']);
  });

  it('tell how long a call was, to the nearest minute', () => {
    expect([1, 59, 112, 3_600, 3_900].map(duration)).toEqual(['1 s', '59 s', '2 min', '1 h', '1 h 5 min']);
  });

  it('tell when a call was', () => {
    expect([30, 120, 3_900, 7_200].map((seconds) => when(0, seconds * 1_000))).toEqual([
      'just now',
      '2 minutes ago',
      '1 hour ago',
      '2 hours ago',
    ]);
  });

  it.each([
    ['Ada Lovelace', 'AL'],
    ['  grace  ', 'G'],
    ['Edsger W. Dijkstra', 'ED'],
    ['李 小龍', '李小'],
    ['', '?'],
  ])('make initials of %j', (name, expected) => {
    expect(initials(name)).toBe(expected);
  });

  it('name who was there, each name apart from the sentence', () => {
    expect(names([])).toBe('Nobody else');
    expect(names(['Ada', ''])).toBe('\u2068Ada\u2069 and \u2068Guest\u2069');
    expect(names(['A', 'B', 'C', 'D'])).toBe('\u2068A\u2069, \u2068B\u2069 and 2 others');
    // A name that turns the writing round would otherwise turn what follows it.
    expect(names(['\u202eadA'])).toBe('\u2068\u202eadA\u2069');
  });
});
