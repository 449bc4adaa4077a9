// What is sent: four sections, of which one that nothing is sent on stays as it was negotiated.

/** @typedef {'microphone' | 'camera' | 'screen' | 'screen_sound'} Source */

/** In the order of their sections. @type {Source[]} */
export const SOURCES = ['microphone', 'camera', 'screen', 'screen_sound'];

/** A picture or sound of nothing, of which only the kind counts. @param {Source} source */
function placeholder(source) {
  const isPicture = source === 'camera' || source === 'screen';
  const stream = isPicture
    ? document.createElement('canvas').captureStream()
    : new AudioContext().createMediaStreamDestination().stream;
  const [track] = stream.getTracks();
  if (!track) {
    throw new Error('a stream that was just made has a track');
  }
  return track;
}

/** The four senders of a connection. */
export function outgoing() {
  const senders = /** @type {Record<Source, RTCRtpSender>} */ ({});
  return {
    senders,
    /** Tracks that were added, and only those, are where an offer of theirs puts its own. @param {RTCPeerConnection} pc */
    addTo(pc) {
      const [person, screen] = [new MediaStream(), new MediaStream()];
      for (const source of SOURCES) {
        const stream = source.startsWith('screen') ? screen : person;
        senders[source] = pc.addTrack(placeholders[source], stream);
      }
      // Not before all are there: a sender without a track would be taken for the next one.
      void this.send({});
    },
    /** @param {Partial<Record<Source, MediaStreamTrack>>} tracks */
    async send(tracks) {
      await Promise.all(SOURCES.map((source) => senders[source].replaceTrack(tracks[source] ?? null)));
    },
  };
}

const placeholders = /** @type {Record<Source, MediaStreamTrack>} */ (
  Object.fromEntries(SOURCES.map((source) => [source, placeholder(source)]))
);
