import type { CallView } from '../core/core';
import { names } from './format';

/** What the window is called in the task bar and among other windows. The code stays out of it: a screen that is shown
 *  to others shows titles too. */
export function windowTitle(call: CallView | null): string {
  if (!call) return 'Tincan';
  return `${callTitle(call)} – Tincan`;
}

/** What the call is called, for its heading. */
export function callTitle(call: CallView): string {
  if (call.test) return 'Test call';
  if (call.phase === 'joining') return 'Joining the call';
  if (call.phase === 'knocking') return 'Waiting to be let in';
  if (call.participants.length === 0) return 'Waiting for somebody';
  return `Call with ${names(call.participants.map(({ name }) => name))}`;
}
