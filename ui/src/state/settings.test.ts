import { describe, expect, it } from 'vitest';
import { iceServers, pageByKey, serverAddress } from './settings';

describe('a server', () => {
  it('is taken as it is typed', () => {
    expect(serverAddress('')).toEqual({ url: null });
    expect(serverAddress(' wss://a.example ')).toEqual({ url: 'wss://a.example' });
    expect(serverAddress('WS://localhost:9000/x')).toEqual({ url: 'ws://localhost:9000/x' });
  });

  it.each([
    ['tincan.example.org', 'wss://tincan.example.org', 'wss://'],
    ['tincan.example.org:8443/calls', 'wss://tincan.example.org:8443/calls', 'wss://'],
    ['192.168.1.2:9000', 'wss://192.168.1.2:9000', 'wss://'],
    ['[::1]:9000', 'wss://[::1]:9000', 'wss://'],
    ['https://a.example', 'wss://a.example', 'https://'],
    ['http://a.example', 'ws://a.example', 'http://'],
  ])('typed as %j is completed, and that is said', (typed, url, says) => {
    const address = serverAddress(typed);
    expect(address).toMatchObject({ url });
    expect('says' in address && address.says).toContain(says);
  });

  it.each(['wss://', 'ftp://a.example', 'a b', 'wss://a b', 'https://'])('that cannot be: %j', (typed) => {
    expect(serverAddress(typed)).toHaveProperty('problem');
  });

  it('for media is one a line', () => {
    expect(iceServers(' stun:a\n\n turn:b name word ')).toEqual(['stun:a', 'turn:b name word']);
  });
});

describe('the pages', () => {
  it('are walked by arrows in both directions, around the ends', () => {
    expect(pageByKey('general', 'ArrowDown')).toBe('devices');
    expect(pageByKey('general', 'ArrowLeft')).toBe('about');
    expect(pageByKey('about', 'ArrowRight')).toBe('general');
    expect(pageByKey('calls', 'End')).toBe('about');
    expect(pageByKey('calls', 'Home')).toBe('general');
    expect(pageByKey('calls', 'x')).toBeUndefined();
  });
});
