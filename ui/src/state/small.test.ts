import { describe, expect, it, vi } from 'vitest';
import { banner, tileSays } from './call-status';
import { caretAfterFormatting, JoinText, takesFormatting } from './code-field';
import { choices } from './devices';
import { clock, initials, names, spoken, when } from './format';
import { IDLE_MS, IdleWatch } from './idle';
import { cameraSays, joinHint } from './lobby';
import { iceServers, serverProblem } from './settings';
import { ActiveSpeaker } from './speaker';
import { rows } from './statistics';
import { call, participant, snapshot } from './testing';
import { TOAST_LIMIT, Toasts } from './toasts.svelte';
import { Toggle } from './toggle.svelte';

describe('the code field', () => {
  it.each([
    ['kqz4m', 5, 'kqz4-m', 6],
    ['kqz4m8tr', 4, 'kqz4-m8tr', 4],
    ['kqz4m8tr', 6, 'kqz4-m8tr', 7],
    ['KQZ4 m8tr', 2, 'kqz4-m8tr', 2],
    ['', 0, '', 0],
  ])('keeps the caret of %j at %i', (before, caret, after, expected) => {
    expect(caretAfterFormatting(before, caret, after)).toBe(expected);
  });

  it('does not bring back a dash that was just deleted', () => {
    expect(takesFormatting('kqz4', 'kqz4-', true)).toBe(false);
    expect(takesFormatting('kqz4m', 'kqz4-m', true)).toBe(true);
    expect(takesFormatting('kqz4', 'kqz4-', false)).toBe(true);
  });

  it('joins by the link that was pasted until its code is edited', () => {
    const text = new JoinText();
    const link = 'tincan://join/kqz4m8trxp?server=wss://s';
    text.set(link, link);
    text.set(link, 'kqz4-m8tr-xp');
    expect(text.text).toBe(link);
    text.set('kqz4-m8tr-x', 'kqz4-m8tr-x');
    expect(text.text).toBe('kqz4-m8tr-x');
  });
});

describe('words', () => {
  it('tell durations', () => {
    expect([clock(59), clock(245), clock(3_723)]).toEqual(['0:59', '4:05', '1:02:03']);
    expect([spoken(1), spoken(120), spoken(3_900)]).toEqual(['1 second', '2 minutes', '1 hour 5 minutes']);
  });

  it('tell when a call was', () => {
    expect(when(0, 30_000)).toBe('just now');
    expect(when(0, 3_900_000)).toBe('1 hour ago');
    expect(when(0, 7_200_000)).toBe('2 hours ago');
    expect(when(0, 120_000)).toBe('2 minutes ago');
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

  it('name who was there', () => {
    expect(names([])).toBe('Nobody else');
    expect(names(['Ada', ''])).toBe('Ada and Guest');
    expect(names(['A', 'B', 'C', 'D'])).toBe('A, B and 2 others');
  });
});

describe('the active speaker', () => {
  const levels = (a: number, b: number) => new Map(Object.entries({ a, b }));

  it('is the first who speaks, at once', () => {
    expect(new ActiveSpeaker().update(0, levels(0, 0.6))).toBe('b');
  });

  it('changes only to who stays louder for a second', () => {
    const speaker = new ActiveSpeaker();
    speaker.update(0, levels(0.6, 0));
    expect(speaker.update(100, levels(0.2, 0.8))).toBe('a');
    expect(speaker.update(600, levels(0.7, 0.1))).toBe('a');
    expect(speaker.update(700, levels(0.1, 0.8))).toBe('a');
    expect(speaker.update(1_650, levels(0.1, 0.8))).toBe('a');
    expect(speaker.update(1_700, levels(0.1, 0.8))).toBe('b');
  });

  it('stays through silence, and is forgotten when they leave', () => {
    const speaker = new ActiveSpeaker();
    speaker.update(0, levels(0.6, 0));
    expect(speaker.update(9_000, levels(0, 0))).toBe('a');
    expect(speaker.update(9_100, new Map([['b', 0]]))).toBeUndefined();
  });
});

describe('toasts', () => {
  const toast = (code: string) => ({ kind: 'info', code, message: code }) as const;

  it('replace what said the same, and are never more than a few', () => {
    const toasts = new Toasts(() => undefined);
    for (const code of ['a', 'b', 'a', 'c', 'd']) toasts.show(toast(code));
    expect(toasts.list.map(({ code }) => code)).toEqual(['a', 'c', 'd']);
    expect(toasts.list).toHaveLength(TOAST_LIMIT);
  });

  it('take only themselves away', () => {
    const expire: (() => void)[] = [];
    const toasts = new Toasts((callback) => expire.push(callback));
    toasts.show(toast('a'));
    toasts.show(toast('a'));
    expire[0]?.();
    expect(toasts.list).toHaveLength(1);
  });
});

describe('a toggle', () => {
  it('follows the last of several presses', async () => {
    let actual = true;
    const settled: (() => void)[] = [];
    const toggle = new Toggle(
      () => actual,
      () => Promise.resolve(),
      (callback) => settled.push(callback),
    );
    const first = toggle.set(false);
    const second = toggle.set(true);
    await Promise.all([first, second]);
    expect(toggle.on).toBe(true);
    actual = false;
    settled.forEach((callback) => callback());
    expect([toggle.on, toggle.pending]).toEqual([false, false]);
  });

  it('lets an old refusal change nothing', async () => {
    const answers = [Promise.reject(new Error('old')), new Promise<void>(() => undefined)];
    const toggle = new Toggle(
      () => true,
      () => answers.shift() ?? Promise.resolve(),
    );
    const first = toggle.set(false);
    void toggle.set(false);
    await expect(first).rejects.toThrow('old');
    expect(toggle.on).toBe(false);
  });
});

describe('the idle watch', () => {
  it('tells four seconds after the last movement', () => {
    vi.useFakeTimers();
    const tell = vi.fn();
    const watch = new IdleWatch(tell);
    watch.moved();
    vi.advanceTimersByTime(IDLE_MS - 1);
    watch.moved();
    vi.advanceTimersByTime(IDLE_MS - 1);
    expect(tell).not.toHaveBeenCalledWith(true);
    vi.advanceTimersByTime(1);
    expect(tell).toHaveBeenLastCalledWith(true);
    watch.stop();
    vi.useRealTimers();
  });
});

describe('what is said', () => {
  it('in a call, about the server and the connection', () => {
    expect(banner(call())).toBeUndefined();
    expect(banner(call({ serverConnected: false }))?.text).toContain('nobody new can join');
    expect(banner(call({ phase: 'reconnecting', serverConnected: false }))?.code).toBe('reconnecting');
  });

  it('on a tile, while its connection is not up', () => {
    expect(tileSays(participant())).toBeUndefined();
    expect(tileSays(participant({ connection: 'reconnecting' }))).toBe('Reconnecting to Ada…');
  });

  it('in the lobby, about what is missing', () => {
    const { preview } = snapshot();
    const broken = { chosen: true, on: true, working: false, device: null, problem: 'It is used by another program.' };
    expect(joinHint(preview)).toBeUndefined();
    expect(joinHint({ ...preview, camera: broken })).toContain('without a camera');
    expect(joinHint({ ...preview, microphone: broken })).toContain('without a microphone');
    expect(joinHint({ ...preview, camera: broken, microphone: broken })).toContain('and a microphone');
    // Who switched it off knows that.
    expect(joinHint({ ...preview, camera: { ...broken, on: false } })).toBeUndefined();
    expect(cameraSays({ ...preview, camera: broken })).toBe(broken.problem);
    expect(cameraSays({ ...preview, camera: { ...broken, on: false } })).toBe('Your camera is off.');
  });

  it('about settings that cannot be', () => {
    expect([serverProblem(''), serverProblem('wss://a.example')]).toEqual([undefined, undefined]);
    expect(serverProblem('https://a.example')).toContain('wss://');
    expect(serverProblem('wss://')).toContain('whole address');
    expect(iceServers(' stun:a\n\n turn:b name word ')).toEqual(['stun:a', 'turn:b name word']);
  });

  it('in the statistics, for a connection of which nothing is known', () => {
    const zero = {
      ...{ lossSent: 0, lossReceived: 0, jitterMs: 0, sentKbps: 0, receivedKbps: 0, availableKbps: 1_500 },
      ...{ sentWidth: 0, sentHeight: 0, sentFps: 0, receivedWidth: 0, receivedHeight: 0, receivedFps: 0 },
      ...{ freezes: 0, frozenSeconds: 0, concealed: 0, audioBufferMs: 0, videoBufferMs: 0 },
    };
    const table = Object.fromEntries(rows({ ...zero, roundTripMs: null, path: null }));
    expect(table).toMatchObject({ 'Round trip': '–', Sending: '0 kbit/s of 1.5 Mbit/s', Freezes: 'none' });
  });
});

describe('a picker', () => {
  it('keeps a device that is not plugged in now', () => {
    const devices = [{ id: 'default', name: 'System default' }];
    expect(choices(devices, 'default')).toBe(devices);
    expect(choices(devices, 'device:gone')[1]?.id).toBe('device:gone');
    expect(choices([], 'file:/a/b.y4m')[0]?.name).toBe('File b.y4m');
  });
});
