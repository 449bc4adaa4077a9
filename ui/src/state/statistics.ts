import type { ParticipantStatistics } from '../core/core';

/** Rows of the statistics overlay, as they are read. */
export function rows(s: ParticipantStatistics): [string, string][] {
  return [
    ['Round trip', s.roundTripMs === null ? '–' : ms(s.roundTripMs)],
    ['Loss to them / from them', `${percent(s.lossSent)} / ${percent(s.lossReceived)}`],
    ['Jitter', ms(s.jitterMs)],
    ['Sending', `${rate(s.sentKbps)} of ${rate(s.availableKbps)}`],
    ['Receiving', rate(s.receivedKbps)],
    ['Picture sent', picture(s.sentWidth, s.sentHeight, s.sentFps) + LIMITS[s.limitedBy]],
    [
      'Picture received',
      picture(s.receivedWidth, s.receivedHeight, s.receivedFps) + LIMITS[s.receivedLimitedBy],
    ],
    ...screens(s.screen),
    ['Freezes', s.freezes === 0 ? 'none' : `${s.freezes} (${s.frozenSeconds.toFixed(1)} s)`],
    ['Concealed sound', percent(s.concealed)],
    ['Delay of sound / picture', `${ms(s.audioBufferMs)} / ${ms(s.videoBufferMs)}`],
    ['Path', s.path === null ? '–' : (PATHS[s.path] ?? s.path)],
  ];
}

/** Only once somebody shared something. A screen that stands still has no pictures a second. */
function screens(screen: ParticipantStatistics['screen']): [string, string][] {
  if (!screen) return [];
  return [
    ['Screen sent', picture(screen.sentWidth, screen.sentHeight, screen.sentFps)],
    ['Screen received', picture(screen.receivedWidth, screen.receivedHeight, screen.receivedFps)],
  ];
}

const LIMITS: Readonly<Record<ParticipantStatistics['limitedBy'], string>> = {
  none: '',
  bandwidth: ' (all that the network takes)',
  processor: ' (all that this computer manages in time)',
};

const PATHS: Readonly<Record<string, string>> = {
  host: 'direct, same network',
  srflx: 'direct',
  prflx: 'direct',
  relay: 'through a relay',
};

const ms = (value: number) => `${Math.round(value)} ms`;
const percent = (value: number) => `${value >= 9.95 || value === 0 ? Math.round(value) : value.toFixed(1)} %`;
const rate = (kbps: number) =>
  kbps >= 1_000 ? `${(kbps / 1_000).toFixed(1)} Mbit/s` : `${Math.round(kbps)} kbit/s`;
const picture = (width: number, height: number, fps: number) =>
  width === 0 || height === 0 ? 'none' : `${width} × ${height}, ${Math.round(fps)} fps`;
