import type { Size } from './grid';

/** Where the self-view rests. It is dragged freely and let go into the nearest corner. */
export type Corner = 'top-left' | 'top-right' | 'bottom-left' | 'bottom-right';

export const CORNERS: readonly Corner[] = ['top-left', 'top-right', 'bottom-left', 'bottom-right'];

/** The corner nearest to a point of the stage. */
export function nearestCorner(point: { x: number; y: number }, stage: Size): Corner {
  const vertical = point.y < stage.height / 2 ? 'top' : 'bottom';
  return point.x < stage.width / 2 ? `${vertical}-left` : `${vertical}-right`;
}

/** The corner that an arrow key moves to; `undefined` for other keys. */
export function cornerByKey(corner: Corner, key: string): Corner | undefined {
  const [vertical, horizontal] = corner.split('-') as ['top' | 'bottom', 'left' | 'right'];
  switch (key) {
    case 'ArrowLeft':
      return `${vertical}-left`;
    case 'ArrowRight':
      return `${vertical}-right`;
    case 'ArrowUp':
      return `top-${horizontal}`;
    case 'ArrowDown':
      return `bottom-${horizontal}`;
    default:
      return undefined;
  }
}
