// A participant in a browser. What it does is said to it by `tincan.…` and what happens is told by `report`, both
// from driver.js.

import { Connection } from './connection.js';
import { damagePicture, requestKeyframe } from './frames.js';
import { deriveKeys, newCode, readCode } from './keys.js';
import { Signal } from './signal.js';
import { readStamp } from './stamp.js';

/** @import { Keys } from './keys.js' */
/** @import { Joined, PeerMessage } from './signal.js' */
/** @typedef {{ id: string, name: string | null, number: number, connection: Connection | null }} Participant */
/**
 * @typedef {object} Join
 * @property {string} server
 * @property {string} name
 * @property {string} [code] of the call to join; without it a new one is started
 * @property {number} width of the camera's picture
 * @property {number} height
 * @property {boolean} [watchFrames] whether frames pass through a worker that can ask for keyframes and damage them
 * @property {number} [lossEvery] puts something on the way that loses one in so many media packets
 */

const screen = /** @type {HTMLVideoElement} */ (document.querySelector('#screen'));
const { report, relay } = /** @type {any} */ (window);

class Guest {
  #options;
  #code;
  #stream;
  #signal;
  #isNew = true;
  /** @type {RTCIceServer[]} */
  #iceServers = [];
  /** @type {Participant | null} */
  #other = null;
  /** @type {string | null} */
  #failed = null;
  #sends = { microphone: true, camera: true };
  /** Signalling is handled one after the other. */
  #queue = Promise.resolve();

  /**
   * @param {Join} options
   * @param {string} code
   * @param {Keys} keys
   * @param {MediaStream} stream
   */
  constructor(options, code, keys, stream) {
    this.#options = options;
    this.#code = code;
    this.#stream = stream;
    /** @param {() => unknown} work */
    const later = (work) => {
      this.#queue = this.#queue.then(work).then(() => this.#changed());
    };
    this.#signal = new Signal(options.server, keys, options.code ? 'join' : 'create', {
      joined: (joined) => later(() => this.#joined(joined)),
      arrived: (peer) => later(() => this.#arrived(peer)),
      left: (peer) => later(() => this.#other?.id === peer && this.#left()),
      message: (message) => later(() => this.#message(message)),
      failed: (code) => later(() => (this.#failed = code)),
    });
    // Whoever closes the window leaves the call.
    addEventListener('pagehide', () => this.leave());
    setInterval(() => void this.#tellStatistics(), 1000);
  }

  /** @param {boolean} on */
  microphone(on) {
    this.#sends.microphone = on;
    for (const track of this.#stream.getAudioTracks()) {
      track.enabled = on;
    }
    this.#other?.connection?.tellState();
  }

  /** @param {boolean} on */
  async camera(on) {
    this.#sends.camera = on;
    const [track] = this.#stream.getVideoTracks();
    await this.#other?.connection?.senders.get('video')?.replaceTrack((on && track) || null);
    this.#other?.connection?.tellState();
  }

  restartIce() {
    this.#other?.connection?.restartIce();
  }

  requestKeyframe() {
    requestKeyframe();
  }

  damagePicture() {
    damagePicture();
  }

  leave() {
    if (this.#other) {
      this.#other.connection?.goodbye();
      this.#signal.send(this.#other.id, { type: 'goodbye' });
    }
    this.#signal.leave();
  }

  /** @param {Joined} joined */
  #joined({ peers, ice_servers }) {
    this.#iceServers = ice_servers;
    for (const peer of peers) {
      this.#arrived(peer);
      if (this.#isNew) {
        this.#connect(1, true);
      }
    }
    this.#isNew = false;
  }

  /** @param {string} id */
  #arrived(id) {
    this.#other ??= { id, name: null, number: 0, connection: null };
    this.#signal.send(id, { type: 'hello', name: this.#options.name });
  }

  #left() {
    this.#other?.connection?.close();
    this.#other = null;
    screen.srcObject = null;
    this.#changed();
  }

  /** @param {PeerMessage} message */
  async #message(message) {
    const other = this.#other;
    if (other?.id !== message.from) {
      return;
    }
    switch (message.type) {
      case 'hello':
        other.name = message['name'];
        break;
      case 'description':
        if (message['connection'] > other.number && message['kind'] === 'offer') {
          this.#connect(message['connection'], false);
        }
        if (message['connection'] === other.number) {
          await other.connection?.description(/** @type {any} */ (message));
        }
        break;
      case 'candidate':
        if (message['connection'] === other.number) {
          await other.connection?.candidate(/** @type {any} */ (message));
        }
        break;
      case 'goodbye':
        this.#left();
    }
  }

  /**
   * @param {number} number
   * @param {boolean} offers
   */
  #connect(number, offers) {
    const other = this.#other;
    if (!other) {
      return;
    }
    other.connection?.close();
    other.number = number;
    const { lossEvery } = this.#options;
    other.connection = new Connection({
      iceServers: this.#iceServers,
      polite: this.#signal.peer < other.id,
      offers,
      stream: this.#stream,
      watchFrames: this.#options.watchFrames ?? false,
      send: (message) => {
        // Their answer has to come by the detour too.
        if (!lossEvery || /** @type {any} */ (message).type !== 'candidate') {
          this.#signal.send(other.id, { ...message, connection: number });
        }
      },
      state: () => this.#sends,
      changed: () => this.#changed(),
      goodbye: () => this.#left(),
      handsOver: this.#code.length === 10,
      detour: async (candidate) => (lossEvery ? await detour(candidate, lossEvery) : candidate),
      screen,
    });
  }

  #changed() {
    const other = this.#other;
    const connection = other?.connection;
    const state = connection?.state;
    report({
      page: {
        code: this.#code,
        failed: this.#failed,
        phase: this.#isNew ? 'joining' : !other ? 'alone' : state === 'connected' ? 'connected' : 'connecting',
        other: other && {
          id: other.id,
          name: other.name,
          connection: other.number,
          state,
          microphoneOn: connection?.theirs?.microphone ?? null,
          cameraOn: connection?.theirs?.camera ?? null,
          safety: connection?.safety ?? null,
          again: connection?.again ?? null,
          exchanges: connection?.exchanges ?? 0,
          negotiated: connection?.negotiated ?? null,
        },
      },
    });
  }

  async #tellStatistics() {
    const all = await this.#other?.connection?.getStats();
    if (!all) {
      return;
    }
    /** @type {Record<string, object>} */
    const statistics = {};
    for (const one of all.values()) {
      if (one.kind && one.type.endsWith('-rtp')) {
        const { mimeType, sdpFmtpLine } = all.get(one.codecId) ?? {};
        statistics[`${one.type} ${one.kind}`] = { ...one, codec: `${mimeType} ${sdpFmtpLine}` };
      } else if (one.type === 'transport') {
        statistics['transport'] = one;
        statistics['path'] = all.get(one.selectedCandidatePairId);
      }
    }
    report({ statistics, stamp: readStamp(screen) });
  }
}

/**
 * Sends what goes to a candidate of theirs over something that loses packets.
 * @param {string} candidate
 * @param {number} lossEvery
 */
async function detour(candidate, lossEvery) {
  const words = candidate.split(' ');
  const [address, port] = [words[4], words[5]];
  if (words[2]?.toLowerCase() !== 'udp' || !address || !port) {
    return candidate;
  }
  words[5] = String(await relay({ address, port: Number(port), lossEvery }));
  return words.join(' ');
}

/** @type {Guest | undefined} */
let guest;

const tincan = {
  /** @param {Join} options */
  async join(options) {
    const code = options.code ? readCode(options.code) : newCode();
    const stream = await navigator.mediaDevices.getUserMedia({
      video: { width: { exact: options.width }, height: { exact: options.height }, frameRate: 30 },
      // What the clip says is to arrive, not what is left after another's processing.
      audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
    });
    guest = new Guest(options, code, await deriveKeys(code), stream);
  },
  /** @param {{ on: boolean }} command */
  microphone: ({ on }) => guest?.microphone(on),
  /** @param {{ on: boolean }} command */
  camera: ({ on }) => guest?.camera(on),
  restartIce: () => guest?.restartIce(),
  requestKeyframe: () => guest?.requestKeyframe(),
  damagePicture: () => guest?.damagePicture(),
  leave: () => guest?.leave(),
};

Object.assign(window, { tincan });
