import type { BoardCommand, Reply } from '../../core/core';
import type { Saying } from './saying';
import type { BoardStore } from './store.svelte';

/** What the parts of the board’s screen have in common. */
export interface Host {
  readonly store: BoardStore;
  /** What others are told of what we are doing right now. */
  readonly saying: Saying;
  /** The answer of the engine; `undefined` when it refused, of which a toast tells. */
  ask(command: BoardCommand): Promise<Reply | undefined>;
  /** Something is to be drawn anew that no rune tells of. */
  changed(): void;
  /** Something else is done now: what a hand does, and what is written, is over. */
  finish(): void;
  /** A sentence for whoever hears the board. */
  speak(text: string): void;
  /** Milliseconds of any clock. */
  now(): number;
  after(callback: () => void, ms: number): () => void;
}
