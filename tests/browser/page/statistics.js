// A connection's statistics, by what is sent where.

import { SOURCES } from './sources.js';

/** @import { Connection } from './connection.js' */

/** What each section is called: the microphone's sound and the camera's pictures by their kind alone. */
const NAMES = { microphone: 'audio', camera: 'video', screen: 'screen', screen_sound: 'screen sound' };

/** @param {Connection} connection */
export async function statisticsOf(connection) {
  const { all, places } = await connection.getStats();
  /** @type {Record<string, object>} */
  const statistics = {};
  for (const one of all.values()) {
    if (one.kind && one.type.endsWith('-rtp')) {
      const { mimeType, sdpFmtpLine } = all.get(one.codecId) ?? {};
      const source = SOURCES[places.indexOf(one.mid ?? all.get(one.localId)?.mid)];
      const name = source ? NAMES[source] : one.kind;
      statistics[`${one.type} ${name}`] = { ...one, codec: `${mimeType} ${sdpFmtpLine}` };
    } else if (one.type === 'transport') {
      statistics['transport'] = one;
      statistics['path'] = all.get(one.selectedCandidatePairId);
    }
  }
  return statistics;
}
