/** The controls go away this long after the last movement. */
export const IDLE_MS = 4_000;

/** Tells when nothing has moved for a while. */
export class IdleWatch {
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #tell: (idle: boolean) => void;

  constructor(tell: (idle: boolean) => void) {
    this.#tell = tell;
  }

  moved(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tell(true), IDLE_MS);
    this.#tell(false);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
