import type { ParticipantStatistics } from '../core/core';
import { number, t } from '../words';

/** Rows of the statistics overlay, as they are read. */
export function rows(s: ParticipantStatistics): [string, string][] {
  return [
    [t('call.stat_round_trip'), s.roundTripMs === null ? '–' : ms(s.roundTripMs)],
    [t('call.stat_loss'), `${percent(s.lossSent)} / ${percent(s.lossReceived)}`],
    [t('call.stat_jitter'), ms(s.jitterMs)],
    [t('call.stat_sending'), t('call.stat_of', { sent: rate(s.sentKbps), available: rate(s.availableKbps) })],
    [t('call.stat_receiving'), rate(s.receivedKbps)],
    [t('call.stat_picture_sent'), limited(picture(s.sentWidth, s.sentHeight, s.sentFps), s.limitedBy)],
    [
      t('call.stat_picture_received'),
      limited(picture(s.receivedWidth, s.receivedHeight, s.receivedFps), s.receivedLimitedBy),
    ],
    ...screens(s.screen),
    [
      t('call.stat_freezes'),
      s.freezes === 0
        ? t('call.stat_no_freezes')
        : t('call.stat_frozen', { count: s.freezes, seconds: number(s.frozenSeconds, 1) }),
    ],
    [t('call.stat_concealed'), percent(s.concealed)],
    [t('call.stat_delay'), `${ms(s.audioBufferMs)} / ${ms(s.videoBufferMs)}`],
    [t('call.stat_path'), s.path === null ? '–' : path(s.path)],
  ];
}

/** Only once somebody shared something. A screen that stands still has no pictures a second. */
function screens(screen: ParticipantStatistics['screen']): [string, string][] {
  if (!screen) return [];
  return [
    [t('call.stat_screen_sent'), picture(screen.sentWidth, screen.sentHeight, screen.sentFps)],
    [
      t('call.stat_screen_received'),
      picture(screen.receivedWidth, screen.receivedHeight, screen.receivedFps),
    ],
    ...(screen.soundBufferMs === null
      ? []
      : [
          [
            t('call.stat_screen_sound'),
            `${ms(screen.soundBufferMs)} / ${percent(screen.soundConcealed)}`,
          ] as [string, string],
        ]),
  ];
}

function limited(shown: string, by: ParticipantStatistics['limitedBy']): string {
  switch (by) {
    case 'none':
      return shown;
    case 'bandwidth':
      return t('call.stat_limited_network', { picture: shown });
    case 'processor':
      return t('call.stat_limited_computer', { picture: shown });
  }
}

function path(kind: string): string {
  switch (kind) {
    case 'host':
      return t('call.path_host');
    case 'srflx':
    case 'prflx':
      return t('call.path_direct');
    case 'relay':
      return t('call.path_relay');
    default:
      return kind;
  }
}

const ms = (value: number) => t('app.milliseconds', { value: number(Math.round(value)) });
const percent = (value: number) =>
  percentSays(value >= 9.95 || value === 0 ? number(value) : number(value, 1));
const rate = (kbps: number) =>
  kbps >= 1_000
    ? t('app.megabits', { value: number(kbps / 1_000, 1) })
    : t('app.kilobits', { value: number(kbps) });
const picture = (width: number, height: number, fps: number) =>
  width === 0 || height === 0
    ? t('call.stat_no_picture')
    : t('call.stat_picture', { size: `${width} × ${height}`, fps: number(fps) });

/** `100 %`. */
export function percentSays(value: string | number): string {
  return t('app.percent', { value });
}
