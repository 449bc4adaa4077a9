import { describe, expect, it, vi } from 'vitest';
import { Outbox, pasteOf } from './outbox.svelte';
import { ScriptedCore } from './testing';

const file = (id: number, change = {}) => ({ id, name: `${id}.txt`, bytes: 5, folder: false, ...change });
const ids = (outbox: Outbox) => outbox.files.map(({ id }) => id);

function open() {
  const core = new ScriptedCore();
  const tell = vi.fn();
  const outbox = new Outbox(core, tell);
  core.onDrag((drag) => outbox.drag(drag));
  const taken = vi.fn();
  return { core, tell, outbox, taken, close: outbox.open(taken) };
}

describe('what is chosen', () => {
  it('waits until it is sent, and stays when it was refused', async () => {
    const { core, tell, outbox, taken } = open();
    core.taken = { files: [file(1), file(2, { folder: true, bytes: null })], problem: null };
    await outbox.choose(false);
    expect([ids(outbox), taken.mock.calls.length]).toEqual([[1, 2], 1]);
    core.refusal = { code: 'no_participant', message: 'Not here.' };
    expect(await outbox.send('a')).toBe(false);
    expect([ids(outbox), tell.mock.calls]).toEqual([[1, 2], [['error', 'no_participant', 'Not here.']]]);
    core.refusal = undefined;
    expect(await outbox.send(undefined)).toBe(true);
    expect(ids(outbox)).toEqual([]);
    expect(core.shell).toEqual([
      ['choose', false],
      ['offer', [1, 2], 'a'],
      ['offer', [1, 2], null],
    ]);
  });

  it('is put away one by one, and all of it when the call ends', async () => {
    const { core, outbox, close } = open();
    core.taken = { files: [file(1), file(2), file(3)], problem: null };
    await outbox.choose(true);
    outbox.discard(2);
    expect(ids(outbox)).toEqual([1, 3]);
    close();
    expect(outbox.empty).toBe(true);
    expect(core.shell.slice(1)).toEqual([
      ['discard', [2]],
      ['discard', [1, 3]],
    ]);
  });

  it('of nothing is nothing, and what was left out is said', async () => {
    const { core, tell, outbox, taken } = open();
    await outbox.choose(false);
    expect([ids(outbox), taken.mock.calls.length]).toEqual([[], 0]);
    core.taken = { files: [], problem: { code: 'files_left_out', message: '“x” cannot be read.' } };
    await outbox.choose(false);
    expect(tell).toHaveBeenCalledWith('hint', 'files_left_out', '“x” cannot be read.');
  });
});

describe('what is dropped', () => {
  it('shows itself on its way, and waits like the rest', () => {
    const { core, outbox } = open();
    core.drag({ type: 'over', count: 3 });
    expect(outbox.dragged).toBe(3);
    core.drag({ type: 'left' });
    expect(outbox.dragged).toBeUndefined();
    core.drag({ type: 'over', count: 1 });
    core.drag({ type: 'dropped', taken: { files: [file(4)], problem: null } });
    expect([outbox.dragged, ids(outbox)]).toEqual([undefined, [4]]);
  });

  it('outside a call goes nowhere', () => {
    const { core, tell, outbox, close } = open();
    close();
    core.drag({ type: 'dropped', taken: { files: [file(4)], problem: null } });
    expect([outbox.empty, core.shell]).toEqual([true, [['discard', [4]]]]);
    expect(tell.mock.calls[0]?.[1]).toBe('no_call');
  });
});

describe('what is pasted', () => {
  const picture = () => new Blob([new Uint8Array(9)], { type: 'image/png' });

  it('is what the shell finds on the clipboard, else the picture that the page has', async () => {
    const { core, outbox } = open();
    core.clipboard = { files: [file(7)], problem: null };
    await outbox.paste(picture());
    expect([ids(outbox), core.shell]).toEqual([[7], []]);
    expect(outbox.files[0]?.preview).toMatch(/^blob:/);
    core.clipboard = { files: [], problem: null };
    await outbox.paste(picture());
    expect([ids(outbox), core.shell]).toEqual([[7, 77], [['paste', 9]]]);
    await outbox.paste(undefined);
    expect(ids(outbox)).toEqual([7, 77]);
    const revoked = vi.spyOn(URL, 'revokeObjectURL');
    await outbox.send(undefined);
    expect(revoked).toHaveBeenCalledTimes(2);
  });

  it('is not kept when it is too large', async () => {
    const { core, tell, outbox } = open();
    const large = picture();
    Object.defineProperty(large, 'size', { value: 65 * 1024 * 1024 });
    await outbox.paste(large);
    expect([core.shell, tell.mock.calls[0]?.[1]]).toEqual([[], 'picture_too_large']);
  });

  it('is text where there is text', () => {
    const image = new File([], 'image.png', { type: 'image/png' });
    const bare = { types: [] as string[], files: [] as File[], text: '' };
    expect(pasteOf({ ...bare, types: ['text/plain'], text: 'hello' })).toBe('text');
    expect(pasteOf({ ...bare, types: ['text/plain', 'text/uri-list'], text: 'https://a.example' })).toBe(
      'text',
    );
    const table = ['text/plain', 'text/html', 'Files'];
    expect(pasteOf({ types: table, files: [image], text: '1\t2' })).toBe('text');
    expect(pasteOf({ types: ['text/html', 'Files'], files: [image], text: '' })).toEqual({ picture: image });
    // As copied in a file manager: the names are text besides.
    expect(pasteOf({ types: ['text/plain', 'Files'], files: [], text: '/home/x' })).toEqual({
      picture: undefined,
    });
    expect(pasteOf(bare)).toEqual({ picture: undefined });
  });
});
