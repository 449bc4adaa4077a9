// @vitest-environment jsdom
import { flushSync, mount, unmount } from 'svelte';
import { expect, it, vi } from 'vitest';
import type { FrameSource, Participant } from '../core/core';
import type { Session } from '../state/session.svelte';
import Tile from './Tile.svelte';

const ben: Participant = {
  id: 'b',
  name: 'Ben',
  connection: 'connected',
  microphoneOn: true,
  cameraOn: true,
  stream: 1,
  volume: 1,
  safety: null,
  quality: 4,
};

it('keeps a picture where it is while something else of a participant changes', () => {
  const detach = vi.fn();
  const attach = vi.fn<FrameSource['attach']>(() => detach);
  let participant = $state.raw(ben);
  const tile = mount(Tile, {
    target: document.body,
    props: {
      session: { core: { frames: { attach } }, levels: { participants: {} } } as unknown as Session,
      get participant() {
        return participant;
      },
      place: { id: 'b', x: 0, y: 0, width: 640, height: 360, large: true },
      bare: false,
      pinned: false,
      canPin: false,
      onpin: () => {},
      onstatistics: () => {},
    },
  });
  flushSync();
  participant = { ...ben, quality: 2, name: 'Benjamin', microphoneOn: false };
  flushSync();
  expect(attach.mock.calls.map(([stream]) => stream)).toEqual([1]);
  expect(detach).not.toHaveBeenCalled();
  participant = { ...ben, stream: 2 };
  flushSync();
  expect(attach.mock.calls.map(([stream]) => stream)).toEqual([1, 2]);
  void unmount(tile);
  expect(detach).toHaveBeenCalledTimes(2);
});
