import type { CallSummary, CallView } from '../core/core';
import { names } from './format';
import { t } from '../words';

/** Why somebody is in the lobby: what its Join button will do. */
export type Intent =
  | { type: 'create' }
  /** By what stands in the code field. */
  | { type: 'join' }
  | { type: 'again'; code: string; server: string | null; names: readonly string[] };

export type Screen = 'home' | 'lobby' | 'call' | 'after';

/**
 * Which screen is shown. New call, Join and Call again lead to the lobby, so that people see themselves before others
 * do; its Join button is focused, so Enter goes on. A test call, where nobody watches, and Rejoin, where everybody was
 * seen already, go straight in.
 */
export function screen(
  call: CallView | null,
  intent: Intent | undefined,
  lastCall: CallSummary | null,
): Screen {
  if (call) return 'call';
  // A join that failed leads back to the lobby, with what went wrong.
  if (intent) return 'lobby';
  return lastCall ? 'after' : 'home';
}

/** The lobby's heading. */
export function lobbyTitle(intent: Intent | undefined): string {
  switch (intent?.type) {
    case 'join':
      return t('app.join_a_call');
    case 'again':
      return intent.names.length === 0
        ? t('app.call_again')
        : t('app.call_names_again', { names: names(intent.names) });
    default:
      return t('app.new_call');
  }
}

/** The lobby's button. */
export function joinButton(intent: Intent | undefined, joining: boolean, failed: boolean): string {
  if (joining) return intent?.type === 'join' ? t('call.joining') : t('app.starting');
  if (failed) return t('app.try_again');
  if (intent?.type === 'join') return t('app.join_call');
  return intent?.type === 'again' ? t('app.call_again') : t('app.start_call');
}
