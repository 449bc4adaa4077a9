// @vitest-environment jsdom
import { flushSync, mount, unmount } from 'svelte';
import { expect, it, vi } from 'vitest';
import type { FrameSource } from '../core/core';
import type { Session } from '../state/session.svelte';
import { participant } from '../state/testing';
import Tile from './Tile.svelte';

// Nothing has a size in a document that is not drawn.
class ResizeObserver {
  observe() {}
  unobserve() {}
  disconnect() {}
}
vi.stubGlobal('ResizeObserver', ResizeObserver);

const ben = participant({ id: 'b', name: 'Ben' });

it('keeps a picture where it is while something else of a participant changes', () => {
  const detach = vi.fn();
  const attach = vi.fn<FrameSource['attach']>(() => detach);
  let now = $state.raw(ben);
  const tile = mount(Tile, {
    target: document.body,
    props: {
      session: { core: { frames: { attach } }, levels: { participants: {} } } as unknown as Session,
      get participant() {
        return now;
      },
      place: { id: 'b', x: 0, y: 0, width: 640, height: 360, large: true },
      bare: false,
      pinned: false,
      canPin: false,
      only: true,
      quiet: false,
      aside: false,
      onpin: () => {},
      onstatistics: () => {},
    },
  });
  flushSync();
  now = { ...ben, quality: 2, name: 'Benjamin', microphoneOn: false };
  flushSync();
  expect(attach.mock.calls.map(([stream]) => stream)).toEqual([1]);
  expect(detach).not.toHaveBeenCalled();
  now = { ...ben, stream: 2 };
  flushSync();
  expect(attach.mock.calls.map(([stream]) => stream)).toEqual([1, 2]);
  void unmount(tile);
  expect(detach).toHaveBeenCalledTimes(2);
});
