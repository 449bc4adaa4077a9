import { grid, spotlight, type Rect, type Size } from '../layout/grid';

/** What W switches between. */
export type LayoutMode = 'grid' | 'spotlight';

/** Our own tile among the participants'. */
export const SELF = 'self';

export interface Place extends Rect {
  id: string;
  /** The one that everybody looks at. */
  large: boolean;
}

export interface Stage {
  places: Place[];
  /** Whether the self-view floats in a corner instead of having a place. */
  floatingSelf: boolean;
}

/** Two see each other best when one fills the window; more see each other best side by side. */
export function defaultMode(participants: number): LayoutMode {
  return participants > 1 ? 'grid' : 'spotlight';
}

/** Who stands where. `focus` is the pinned tile or the active speaker; whoever has left counts as nobody. */
export function stage(
  size: Size,
  participants: readonly string[],
  mode: LayoutMode,
  focus: string | undefined,
): Stage {
  const [first] = participants;
  if (first === undefined) return { places: [], floatingSelf: false };
  if (mode === 'spotlight' && participants.length === 1) {
    return { places: [{ id: first, x: 0, y: 0, ...size, large: true }], floatingSelf: true };
  }
  const everybody = [...participants, SELF];
  if (mode === 'grid') {
    const rects = grid(size, everybody.length);
    return { places: everybody.flatMap((id, i) => place(id, rects[i], false)), floatingSelf: false };
  }
  const chosen = focus !== undefined && everybody.includes(focus) ? focus : first;
  const others = everybody.filter((id) => id !== chosen);
  const { large, strip } = spotlight(size, others.length);
  return {
    places: [...place(chosen, large, true), ...others.flatMap((id, i) => place(id, strip[i], false))],
    floatingSelf: false,
  };
}

function place(id: string, rect: Rect | undefined, large: boolean): Place[] {
  return rect ? [{ id, ...rect, large }] : [];
}
