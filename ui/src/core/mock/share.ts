import type { ScreenChoice } from '../generated/ScreenChoice';
import type { ShareView } from '../generated/ShareView';

/** A desktop with a page on it. */
const PICTURE =
  'data:image/svg+xml,' +
  encodeURIComponent(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 200"><rect width="320" height="200" fill="#2c4a57"/>' +
      '<rect x="60" y="30" width="200" height="140" fill="#f2f5f6"/><path d="M80 60h120M80 80h150M80 100h90" ' +
      'stroke="#8fa5ad" stroke-width="8"/></svg>',
  );

export const SHAREABLE: ScreenChoice[] = [
  { id: 'monitor:DP-1', name: 'Screen DP-1', kind: 'monitor', picture: PICTURE },
  { id: 'window:0x1', name: 'Valve \u2013 CAD', kind: 'window', picture: PICTURE },
  {
    id: 'window:0x2',
    name: 'A letter with a rather long name, to be cut off',
    kind: 'window',
    picture: PICTURE,
  },
  { id: 'window:0x3', name: 'Music', kind: 'window', picture: null },
];

export function shared(id: string, withSound: boolean): ShareView {
  const name = SHAREABLE.find((choice) => choice.id === id)?.name ?? null;
  const sound = withSound ? { working: true, problem: null } : null;
  return { id, name, width: 1920, height: 1080, smooth: false, choosing: false, hidden: false, sound };
}
