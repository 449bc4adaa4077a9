/** A level that is speech and not the room: about -45 dBFS on the engine's scale. */
export const SPEAKING = 0.25;
/** Somebody else must be louder for this long before the picture changes to them. */
const TAKEOVER_MS = 1_000;

/** Who is speaking, without jumping at every cough. Time is an argument. */
export class ActiveSpeaker {
  #active: string | undefined;
  #candidate: { id: string; since: number } | undefined;

  /** `levels` are of everybody who could be shown; returns who is. */
  update(now: number, levels: ReadonlyMap<string, number>): string | undefined {
    if (this.#active !== undefined && !levels.has(this.#active)) this.#active = undefined;
    const loudest = loudestOf(levels);
    if (loudest === undefined || loudest === this.#active) {
      this.#candidate = undefined;
      return this.#active;
    }
    if (this.#active === undefined) {
      this.#active = loudest;
      this.#candidate = undefined;
    } else if (this.#candidate?.id !== loudest) {
      this.#candidate = { id: loudest, since: now };
    } else if (now - this.#candidate.since >= TAKEOVER_MS) {
      this.#active = loudest;
      this.#candidate = undefined;
    }
    return this.#active;
  }
}

function loudestOf(levels: ReadonlyMap<string, number>): string | undefined {
  let best: string | undefined;
  let level = SPEAKING;
  for (const [id, value] of levels) {
    if (value > level) {
      best = id;
      level = value;
    }
  }
  return best;
}
