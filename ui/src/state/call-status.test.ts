import { describe, expect, it } from 'vitest';
import { aloneCard, banner, isMuted, serverOf, statusSays, tileSays } from './call-status';
import { call, participant, stream } from './testing';
import { windowTitle } from './title';

describe('what a call says of itself', () => {
  it('is nothing while all is well', () => {
    expect(banner(call())).toBeUndefined();
  });

  it('is what the engine says of the server, and nothing in a test call', () => {
    const lost = {
      serverConnected: false,
      serverProblem: { code: 'server_lost', message: 'Nobody new can join.' },
    };
    expect(banner(call(lost))).toEqual({ code: 'server-lost', text: 'Nobody new can join.' });
    expect(banner(call({ ...lost, test: true }))).toBeUndefined();
  });

  it('begins anew on the server that the link names', () => {
    expect(serverOf('tincan://join/kqz4m8trxp?server=wss%3A%2F%2Fs.example')).toBe('wss://s.example');
    expect([serverOf('tincan://join/kqz4m8trxp'), serverOf('kqz4-m8tr-xp')]).toEqual([null, null]);
  });

  it('is the connection before the server', () => {
    expect(banner(call({ phase: 'reconnecting', serverConnected: false }))?.code).toBe('reconnecting');
  });

  it('is said once: of a single person on the tile, or in the banner', () => {
    const one = participant({ connection: 'connecting' });
    expect(banner(call({ phase: 'connecting', participants: [one] }))).toBeUndefined();
    expect(tileSays(one, 'Ada', 'camera', true)).toBe('Connecting to \u2068Ada\u2069…');
    const lost = participant({ connection: 'reconnecting' });
    expect([tileSays(lost, 'Ada', 'camera', true), tileSays(lost, 'Ada', 'camera', false)]).toEqual([
      undefined,
      'Reconnecting to \u2068Ada\u2069…',
    ]);
    expect(tileSays(participant(), 'Ada', 'camera', true)).toBeUndefined();
  });

  it('calls nobody muted of whom nothing is known yet', () => {
    expect(isMuted(participant({ microphoneOn: false, connection: 'connecting' }))).toBe(false);
    expect(isMuted(participant({ microphoneOn: false }))).toBe(true);
  });
});

describe('what the call is about', () => {
  const says = (view: Parameters<typeof call>[0]) => statusSays(call(view), (id) => id.toUpperCase());

  it('is the other of two, the number of more, and who shares a screen', () => {
    const two = [participant(), participant({ id: 'b' })];
    const screen = stream({ source: 'screen' });
    expect([says({ participants: [participant()] }), says({ participants: two })]).toEqual(['A', '3 people']);
    expect(says({ participants: [participant(), participant({ id: 'b', streams: [screen] })] })).toBe(
      '\u2068B\u2069 shares a screen',
    );
  });

  it('is what one waits for', () => {
    expect(says({ phase: 'knocking' })).toBe('Waiting to be let in');
    expect(says({ phase: 'alone' })).toBe('Waiting for somebody');
    expect(says({ phase: 'joining' })).toBe('Joining…');
  });
});

describe('a picture that the path does not carry', () => {
  it('is said to be paused, of that picture only', () => {
    const streams = [stream({ paused: true }), stream({ source: 'screen' })];
    const one = participant({ streams });
    expect(tileSays(one, 'Ada', 'camera', true)).toContain('Sound goes on');
    expect(tileSays(one, 'Ada', 'screen', true)).toBeUndefined();
    const off = participant({ streams: [stream({ paused: true, on: false })] });
    expect(tileSays(off, 'Ada', 'camera', true)).toBeUndefined();
  });
});

describe('the card on the empty stage', () => {
  it('waits for somebody who has not come yet', () => {
    const card = aloneCard(call({ phase: 'alone' }), false);
    expect([card.heading, card.left]).toEqual(['You are the first', false]);
  });

  it('says who left, until the person chooses to wait', () => {
    const left = call({ phase: 'alone', left: 'Ada' });
    expect(aloneCard(left, false)).toMatchObject({ heading: '\u2068Ada\u2069 left', left: true });
    expect(aloneCard(left, true)).toMatchObject({ heading: 'Waiting for somebody', left: false });
    expect(aloneCard(call({ phase: 'alone', left: ' ' }), false).heading).toBe('The other person left');
  });
});

describe('the window’s title', () => {
  it('names the call, and never its code', () => {
    expect(windowTitle(null)).toBe('Tincan');
    expect(windowTitle(call({ participants: [participant()] }))).toBe('Call with \u2068Ada\u2069 – Tincan');
    expect(windowTitle(call({ test: true, participants: [participant()] }))).toBe('Test call – Tincan');
    expect(windowTitle(call({ phase: 'alone' }))).not.toContain('kqz4');
  });
});
