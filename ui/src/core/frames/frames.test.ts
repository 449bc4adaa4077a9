import { describe, expect, it, vi } from 'vitest';
import { ACK_LENGTH, acknowledgement, HEADER_LENGTH, i420Length, isEnd, MAGIC, parseHeader } from './header';
import type { Frame } from './source';
import { Streams } from './streams';

function message(stream: number, sequence: number, width: number, height: number, fill = 0): ArrayBuffer {
  const bytes = new ArrayBuffer(HEADER_LENGTH + i420Length(width, height));
  const view = new DataView(bytes);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, stream, true);
  view.setUint32(8, sequence, true);
  view.setUint16(12, width, true);
  view.setUint16(14, height, true);
  view.setUint16(16, 2 * width, true);
  view.setUint16(18, 2 * height, true);
  view.setBigUint64(20, 1_234_567_890_123n, true);
  new Uint8Array(bytes, HEADER_LENGTH).fill(fill);
  return bytes;
}

function harness() {
  const acks: [number, number][] = [];
  const sizes: [number, number][] = [];
  let next: (() => void) | undefined;
  const timers: (() => void)[] = [];
  const streams = new Streams(
    (bytes) => {
      const view = new DataView(bytes);
      acks.push([view.getUint32(0, true), view.getUint32(4, true)]);
      sizes.push([view.getUint16(8, true), view.getUint16(10, true)]);
    },
    (callback) => {
      next = callback;
    },
    (callback) => timers.push(callback),
  );
  const paint = () => {
    const callback = next;
    next = undefined;
    callback?.();
  };
  const wait = () => timers.splice(0).forEach((callback) => callback());
  return { streams, acks, sizes, paint, wait };
}

function consumer(width = 8, height = 6) {
  return { draw: vi.fn<(frame: Frame) => void>(), end: vi.fn(), size: () => ({ width, height }) };
}

describe('the header', () => {
  it('spells TCF2', () => {
    expect(new TextDecoder().decode(new Uint32Array([MAGIC]).buffer)).toBe('TCF2');
  });

  it('gives back what was written', () => {
    expect(parseHeader(message(3, 4_000_000_000, 1280, 720))).toEqual({
      stream: 3,
      sequence: 4_000_000_000,
      width: 1280,
      height: 720,
      own: { width: 2560, height: 1440 },
      captureMicros: 1_234_567_890_123,
    });
  });

  it('counts the chroma of odd sizes rounded up', () => {
    expect(i420Length(5, 3)).toBe(15 + 2 * 3 * 2);
    expect(parseHeader(message(1, 1, 5, 3))).toBeDefined();
  });

  it('knows the end of a stream', () => {
    const header = parseHeader(message(1, 9, 0, 0));
    expect(header && isEnd(header)).toBe(true);
  });

  it('knows what the window draws by the size before scaling alone, which is no end', () => {
    const bytes = message(1, 9, 0, 0);
    new DataView(bytes).setUint16(16, 1280, true);
    new DataView(bytes).setUint16(18, 720, true);
    const header = parseHeader(bytes);
    expect(header).toMatchObject({ width: 0, own: { width: 1280, height: 720 } });
    expect(header && isEnd(header)).toBe(false);
    new DataView(bytes).setUint16(18, 0, true);
    expect(parseHeader(bytes)).toBeUndefined();
  });

  it('refuses whatever is cut, too long, foreign or half empty', () => {
    const whole = message(1, 1, 16, 16);
    for (let length = 0; length < whole.byteLength; length += 7) {
      expect(parseHeader(whole.slice(0, length))).toBeUndefined();
    }
    expect(parseHeader(new ArrayBuffer(whole.byteLength + 1))).toBeUndefined();
    expect(parseHeader(new ArrayBuffer(HEADER_LENGTH))).toBeUndefined();
    expect(parseHeader(message(1, 1, 16, 0))).toBeUndefined();
  });

  it('never throws on random bytes', () => {
    let seed = 1;
    for (let round = 0; round < 500; round += 1) {
      const bytes = new Uint8Array(round % 60);
      for (let i = 0; i < bytes.length; i += 1) {
        seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
        bytes[i] = seed & 255;
      }
      expect(() => parseHeader(bytes.buffer)).not.toThrow();
    }
  });

  it('is acknowledged by stream and sequence', () => {
    const view = new DataView(acknowledgement(7, 4_294_967_295, { width: 640, height: 90_000 }));
    expect([view.byteLength, view.getUint32(0, true), view.getUint32(4, true)]).toEqual([
      ACK_LENGTH,
      7,
      4_294_967_295,
    ]);
    expect([view.getUint16(8, true), view.getUint16(10, true)]).toEqual([640, 65_535]);
  });
});

describe('streams', () => {
  it('draw the latest of two pictures once, and acknowledge both with it', () => {
    const { streams, acks, paint } = harness();
    const view = consumer();
    streams.attach(1, view);
    streams.receive(message(1, 10, 4, 4, 1));
    streams.receive(message(1, 11, 4, 4, 2));
    expect(acks).toEqual([]);
    paint();
    expect(view.draw).toHaveBeenCalledTimes(1);
    expect(view.draw.mock.calls[0]?.[0].data[0]).toBe(2);
    expect(acks).toEqual([[1, 11]]);
  });

  it('say how large the largest view of them is', () => {
    const { streams, sizes, paint } = harness();
    streams.attach(1, consumer(320, 180));
    streams.attach(1, consumer(90, 200));
    streams.receive(message(1, 1, 4, 4));
    paint();
    expect(sizes).toEqual([[320, 200]]);
  });

  it('say another size also while no picture comes', () => {
    const { streams, acks, sizes, paint } = harness();
    let width = 160;
    streams.attach(1, { ...consumer(), size: () => ({ width, height: 90 }) });
    streams.receive(message(1, 7, 4, 4));
    paint();
    width = 1_280;
    streams.resized(1);
    paint();
    expect([acks.at(-1), sizes]).toEqual([
      [1, 7],
      [
        [160, 90],
        [1_280, 90],
      ],
    ]);
    streams.resized(2);
    paint();
    expect(sizes.length).toBe(2);
  });

  it('say once that nobody looks, leave unacknowledged what comes all the same, and show it to who comes later', () => {
    const { streams, acks, sizes, paint, wait } = harness();
    streams.receive(message(1, 1, 4, 4));
    wait();
    streams.receive(message(1, 2, 4, 4));
    streams.receive(message(1, 3, 4, 4));
    wait();
    paint();
    expect([acks, sizes]).toEqual([[[1, 1]], [[0, 0]]]);
    const view = consumer();
    streams.attach(1, view);
    paint();
    expect(view.draw).toHaveBeenCalledTimes(1);
    expect(acks.at(-1)).toEqual([1, 3]);
  });

  it('tell of a view that went away and of one that comes, though no pictures come any more', () => {
    const { streams, acks, sizes, paint, wait } = harness();
    const detach = streams.attach(1, consumer(320, 180));
    streams.receive(message(1, 7, 4, 4));
    paint();
    detach();
    wait();
    streams.attach(1, consumer(640, 360));
    paint();
    paint();
    expect(acks).toEqual([
      [1, 7],
      [1, 7],
      [1, 7],
    ]);
    expect(sizes).toEqual([
      [320, 180],
      [0, 0],
      [640, 360],
    ]);
  });

  it('do not tell of a view that is back within a moment', () => {
    const { streams, sizes, paint, wait } = harness();
    const detach = streams.attach(1, consumer(320, 180));
    streams.receive(message(1, 7, 4, 4));
    paint();
    detach();
    streams.attach(1, consumer(640, 360));
    wait();
    paint();
    expect(sizes).toEqual([[320, 180]]);
  });

  it('draw nothing for a view that went away before its turn', () => {
    const { streams, acks, paint } = harness();
    const view = consumer();
    const detach = streams.attach(1, view);
    streams.receive(message(1, 1, 4, 4));
    detach();
    paint();
    expect(view.draw).not.toHaveBeenCalled();
    expect(acks).toEqual([]);
  });

  it('tell the end at once and acknowledge it', () => {
    const { streams, acks, paint } = harness();
    const view = consumer();
    streams.attach(2, view);
    streams.receive(message(2, 1, 4, 4));
    streams.receive(message(2, 2, 0, 0));
    paint();
    expect(view.draw).not.toHaveBeenCalled();
    expect(view.end).toHaveBeenCalledTimes(1);
    expect(acks).toEqual([[2, 2]]);
  });

  it('owe a new connection nothing but the size of what is shown', () => {
    const { streams, acks, paint, wait } = harness();
    streams.receive(message(1, 5, 4, 4));
    streams.receive(message(2, 5, 4, 4));
    streams.forget();
    streams.attach(1, consumer());
    paint();
    expect(acks).toEqual([[1, 5]]);
    // What nobody looks at is said again when it comes again.
    streams.receive(message(2, 6, 4, 4));
    wait();
    expect(acks).toEqual([
      [1, 5],
      [2, 6],
    ]);
  });
});
