/**
 * A switch that shows what was pressed at once, and falls back when the engine refuses. The engine's word counts again
 * as soon as it agrees, or when the last press was answered and it still says otherwise a moment later.
 */
export class Toggle {
  #wanted = $state<boolean>();
  #presses = 0;
  readonly #actual: () => boolean;
  readonly #send: (on: boolean) => Promise<unknown>;
  readonly #settle: (callback: () => void) => void;

  constructor(
    actual: () => boolean,
    send: (on: boolean) => Promise<unknown>,
    // The event with the new state is on its way when the reply comes; it takes far less than this.
    settle: (callback: () => void) => void = (callback) => setTimeout(callback, 1_000),
  ) {
    this.#actual = actual;
    this.#send = send;
    this.#settle = settle;
  }

  get on(): boolean {
    return this.#wanted ?? this.#actual();
  }

  /** Whether the engine has not confirmed yet. */
  get pending(): boolean {
    return this.#wanted !== undefined;
  }

  /** Rejects when the engine refuses, with the switch back where it was. */
  async set(on: boolean): Promise<void> {
    this.#presses += 1;
    const press = this.#presses;
    this.#wanted = on;
    const release = () => {
      if (this.#presses === press) this.#wanted = undefined;
    };
    try {
      await this.#send(on);
    } catch (error) {
      release();
      throw error;
    }
    if (this.#actual() === on) release();
    else this.#settle(release);
  }
}
