import type { CallSummary, CallView } from '../core/core';

/** Why somebody is in the lobby: what its Join button will do. */
export type Intent = { type: 'create' } | { type: 'join'; link: string; label: string };

export type Screen = 'home' | 'lobby' | 'call' | 'after';

/**
 * Which screen is shown. New call and Join lead to the lobby, so that people see themselves before others do; its Join
 * button is focused, so Enter goes on. A test call, where nobody watches, and Rejoin, where everybody was seen
 * already, go straight in.
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
