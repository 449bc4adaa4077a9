import type { CallView } from '../core/core';
import { names } from './format';
import { t } from '../words';

/** What the window is called in the task bar and among other windows. The code stays out of it: a screen that is shown
 *  to others shows titles too. */
export function windowTitle(call: CallView | null): string {
  if (!call) return 'Tincan';
  return `${callTitle(call)} – Tincan`;
}

/** What the call is called, for its heading. */
export function callTitle(call: CallView): string {
  if (call.test) return t('call.test');
  if (call.phase === 'joining') return t('call.joining_title');
  if (call.phase === 'knocking') return t('call.knocking');
  if (call.participants.length === 0) return t('call.waiting');
  return t('call.with', { names: names(call.participants.map(({ name }) => name)) });
}
