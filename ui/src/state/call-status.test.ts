import { describe, expect, it } from 'vitest';
import { aloneCard, banner, isMuted, serverOf, tileSays } from './call-status';
import { call, participant } from './testing';
import { windowTitle } from './title';

describe('what a call says of itself', () => {
  it('is nothing while all is well', () => {
    expect(banner(call())).toBeUndefined();
  });

  it('is what the engine says of the server, and nothing in a test call', () => {
    const lost = { serverConnected: false, serverProblem: 'Nobody new can join.' };
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
    expect(tileSays(one, true)).toBe('Connecting to \u2068Ada\u2069…');
    const lost = participant({ connection: 'reconnecting' });
    expect([tileSays(lost, true), tileSays(lost, false)]).toEqual([
      undefined,
      'Reconnecting to \u2068Ada\u2069…',
    ]);
    expect(tileSays(participant(), true)).toBeUndefined();
  });

  it('calls nobody muted of whom nothing is known yet', () => {
    expect(isMuted(participant({ microphoneOn: false, connection: 'connecting' }))).toBe(false);
    expect(isMuted(participant({ microphoneOn: false }))).toBe(true);
  });
});

describe('the card on the empty stage', () => {
  it('waits for somebody who has not come yet', () => {
    const card = aloneCard(call({ phase: 'alone' }), false);
    expect([card.heading, card.left]).toEqual(['Nobody else is here yet', false]);
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
