import { describe, expect, it } from 'vitest';
import {
  avatar,
  AVATARS,
  capacityAlone,
  capacitySays,
  hands,
  listed,
  Names,
  personSays,
  type Label,
} from './people';
import { call, participant, stream } from './testing';

const read = ({ name, mark }: Label) => name + mark;
const named = (...list: [string, string][]) => list.map(([id, name]) => ({ id, name }));

describe('names', () => {
  it('are told apart where two have the same, whatever its case and blanks', () => {
    const names = new Names();
    const labels = names.of(named(['a', 'Ada'], ['b', 'ada '], ['c', 'Ａda'], ['d', 'Ben']));
    expect([...labels.values()].map(read)).toEqual(['Ada', 'ada (2)', 'Ａda (3)', 'Ben']);
  });

  it('stay whose they are while others leave and come', () => {
    const names = new Names();
    names.of(named(['a', 'Ada'], ['b', 'Ada']));
    expect(names.of(named(['b', 'Ada'])).get('b')).toEqual({ name: 'Ada', mark: ' (2)' });
    // Somebody who comes takes the number that is free; the same person again has no number behind their name.
    expect([...names.of(named(['b', 'Ada'], ['c', 'Ada'])).values()].map(read)).toEqual(['Ada (2)', 'Ada']);
  });

  it('follow whoever calls themselves otherwise, and number those without one', () => {
    const names = new Names();
    names.of(named(['a', 'Ada'], ['b', 'Ben']));
    expect(names.of(named(['a', 'Ada'], ['b', 'Ada'])).get('b')).toEqual({ name: 'Ada', mark: ' (2)' });
    expect([...names.of(named(['c', ''], ['d', ' '])).values()].map(read)).toEqual(['Guest', 'Guest (2)']);
  });
});

describe('avatars', () => {
  it('have one of the colours, and two of one name as a rule not the same', () => {
    for (const label of ['', 'Ada', 'Ben', '🙂']) expect(avatar(label)).toBeLessThan(AVATARS);
    expect(avatar('Ada')).toBe(avatar('Ada'));
    expect(avatar('Ada (2)')).not.toBe(avatar('Ada'));
  });
});

describe('raised hands', () => {
  const view = call({
    hand: 200,
    participants: [
      participant({ id: 'a' }),
      participant({ id: 'b', hand: 300 }),
      participant({ id: 'c', hand: 100 }),
    ],
  });

  it('are numbered by who was first, ourselves among them', () => {
    expect([...hands(view)]).toEqual([
      ['c', 1],
      ['self', 2],
      ['b', 3],
    ]);
  });

  it('come first in the list, and the others as they came', () => {
    expect(listed(view).map(({ id }) => id)).toEqual(['c', 'b', 'a']);
    expect(view.participants.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
  });
});

describe('how many fit', () => {
  const says = (others: number, capacity: number) =>
    capacitySays(
      call({
        capacity,
        participants: Array.from({ length: others }, (_, at) => participant({ id: `${at}` })),
      }),
    );

  it('is said before it is full', () => {
    expect(says(3, 8)).toBe('4 of 8 are here: 4 more fit.');
    expect(says(6, 8)).toBe('7 of 8 are here: one more fits.');
    expect(says(7, 8)).toBe('The call is full: 8 of 8 are here.');
  });

  it('is not guessed', () => {
    expect([says(0, 0), says(2, 0)]).toEqual(['Only you are here.', '3 people are here.']);
    expect(capacityAlone(call({ capacity: 0 }))).toBeUndefined();
    expect(capacityAlone(call({ capacity: 8 }))).toContain('8 people');
  });
});

describe('what is the matter with somebody', () => {
  it('is the gravest that there is', () => {
    expect(personSays(participant())).toBeUndefined();
    expect(personSays(participant({ microphoneOn: false }))).toBe('Muted');
    expect(personSays(participant({ volume: 0, microphoneOn: false }))).toBe('Muted for you');
    expect(personSays(participant({ streams: [stream({ paused: true })] }))).toContain('paused');
    expect(personSays(participant({ connection: 'reconnecting', volume: 0 }))).toBe('Reconnecting…');
  });
});
