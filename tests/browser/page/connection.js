// One WebRTC connection to one participant: perfect negotiation, sound, pictures and the control channel, as
// docs/protocol.md describes them.

import { Channels } from './channels.js';
import { digest, fingerprint } from './keys.js';
import { fromHex } from './bytes.js';
import { watchReceiver, watchSender } from './frames.js';
import { confirmation, isConfirmed } from './identity.js';
import { outgoing } from './sources.js';

/** @import { Pair } from './identity.js' */
/** @import { Source } from './sources.js' */
/** @typedef {{ source: string, paused: boolean }} StreamState */
/**
 * @typedef {object} Options
 * @property {RTCIceServer[]} iceServers
 * @property {boolean} polite
 * @property {boolean} offers whether this side makes the first offer
 * @property {Pair} pair
 * @property {() => Partial<Record<Source, MediaStreamTrack>>} sends what is sent now
 * @property {boolean} watchFrames
 * @property {(message: object) => void} send to the other side, through the server
 * @property {() => void} changed
 * @property {() => void} confirmed the other side proved who it is
 * @property {(message: any) => void} heard what they say on the control channel of a confirmed connection
 * @property {() => void} failed it will not come up, or not again
 * @property {(candidate: string) => Promise<string>} detour where a candidate of theirs is to be replaced by another
 * @property {HTMLVideoElement} screen
 * @property {HTMLVideoElement} shared shows and plays what they share
 */

/** Milliseconds for which candidates are gathered. */
const CANDIDATE_WAIT = 50;
/** Places of the sections. */
const MICROPHONE = 0;
const CAMERA = 1;
const SCREEN = 2;
const SCREEN_SOUND = 3;

export class Connection {
  #options;
  #pc;
  #control;
  #makingOffer = false;
  #ignoresOffer = false;
  /** @type {object[]} */
  #gathered = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #telling;
  /** Settled with both certificates when the handshake is over. @type {Promise<Certificates> | null} */
  #certificates = null;
  /** The certificate that every description of theirs has to name. @type {string | null} */
  #named = null;
  /** What comes on the channel is handled one after the other. */
  #queue = Promise.resolve();
  #outgoing = outgoing();
  /** What they send, which is shown once they proved who they are. */
  #stream = new MediaStream();
  #shared = new MediaStream();
  isConfirmed = false;
  /** The last exchange that is through. @type {{ offer: string, answer: string, ours: boolean } | null} */
  negotiated = null;
  exchanges = 0;

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
    this.#pc = new RTCPeerConnection({ iceServers: options.iceServers });
    const pc = this.#pc;
    this.#outgoing.addTo(pc);
    if (options.watchFrames) {
      watchSender(this.#outgoing.senders.camera);
    }
    this.#control = this.#open();
    this.channels = new Channels(pc);
    // Whoever waits for the other side's offer answers it before this can matter.
    pc.onnegotiationneeded = () => (options.offers || pc.remoteDescription) && this.#offer();
    pc.onicecandidate = ({ candidate }) => this.#candidate(candidate);
    pc.onconnectionstatechange = () => {
      options.changed();
      if (pc.connectionState === 'failed') {
        options.failed();
      }
    };
    pc.ondatachannel = ({ channel }) => channel.close();
    pc.ontrack = ({ track, receiver, transceiver }) => {
      if (options.watchFrames && this.#place(transceiver) === CAMERA) {
        watchReceiver(receiver);
      }
      if ([MICROPHONE, CAMERA].includes(this.#place(transceiver))) {
        this.#stream.addTrack(track);
      } else if ([SCREEN, SCREEN_SOUND].includes(this.#place(transceiver))) {
        this.#shared.addTrack(track);
      }
    };
  }

  get state() {
    return this.#pc.connectionState;
  }

  /** Statistics, and which source each media section is for. */
  async getStats() {
    const places = this.#pc.getTransceivers().map(({ mid }) => mid);
    return { all: await this.#pc.getStats(), places };
  }

  restartIce() {
    this.#pc.restartIce();
  }

  /** Sends what is sent now, and nothing before they proved who they are. */
  async update() {
    if (this.isConfirmed) {
      await this.#outgoing.send(this.#options.sends());
    }
  }

  /**
   * How large they show our camera's picture, or what we share.
   * @param {'camera' | 'screen'} source
   * @param {number} height in lines; 0 for not at all
   */
  async shownAt(source, height) {
    const sender = this.#outgoing.senders[source];
    const parameters = sender.getParameters();
    const [encoding] = parameters.encodings;
    const own = sender.track?.getSettings().height;
    if (encoding && own) {
      encoding.active = height > 0;
      encoding.scaleResolutionDownBy = height > 0 ? Math.max(1, own / height) : 1;
      await sender.setParameters(parameters);
    }
  }

  /**
   * Says something on the control channel.
   * @param {object} message
   */
  say(message) {
    if (this.isConfirmed && this.#control.readyState === 'open') {
      this.#control.send(JSON.stringify(message));
    }
  }

  close() {
    clearTimeout(this.#telling);
    this.#pc.close();
  }

  /** @param {{ kind: 'offer' | 'answer', sdp: string }} description */
  async description({ kind, sdp }) {
    const pc = this.#pc;
    const named = fingerprint(sdp);
    this.#named ??= named;
    if (named !== this.#named) {
      throw new Error('another certificate than in their first description');
    }
    const collides = kind === 'offer' && (this.#makingOffer || pc.signalingState !== 'stable');
    this.#ignoresOffer = collides && !this.#options.polite;
    if (this.#ignoresOffer) {
      return;
    }
    await pc.setRemoteDescription({ type: kind, sdp });
    if (kind === 'offer') {
      await pc.setLocalDescription();
      this.#sendDescription();
    }
    this.#exchanged(kind === 'answer');
  }

  /**
   * @param {{ candidate: string, sdp_mid: string | null, sdp_m_line_index: number | null,
   *   username_fragment: string | null }} message
   */
  async candidate(message) {
    try {
      await this.#pc.addIceCandidate({
        candidate: message.candidate && (await this.#options.detour(message.candidate)),
        sdpMid: message.sdp_mid,
        sdpMLineIndex: message.sdp_m_line_index,
        usernameFragment: message.username_fragment,
      });
    } catch (error) {
      if (!this.#ignoresOffer) {
        throw error;
      }
    }
  }

  /** @param {RTCRtpTransceiver} transceiver */
  #place(transceiver) {
    return this.#pc.getTransceivers().indexOf(transceiver);
  }

  async #offer() {
    try {
      this.#makingOffer = true;
      await this.#pc.setLocalDescription();
      this.#sendDescription();
    } finally {
      this.#makingOffer = false;
    }
  }

  #sendDescription() {
    const description = this.#pc.localDescription;
    if (description) {
      // Candidates of the description before this one come before it.
      this.#tellCandidates();
      this.#options.send({ type: 'description', kind: description.type, sdp: description.sdp });
    }
  }

  /** @param {RTCIceCandidate | null} candidate */
  #candidate(candidate) {
    // The end of candidates may come as an empty one, as null, or as both.
    if (candidate) {
      this.#gathered.push({
        candidate: candidate.candidate,
        sdp_mid: candidate.sdpMid,
        sdp_m_line_index: candidate.sdpMLineIndex,
        username_fragment: candidate.usernameFragment,
      });
      this.#telling ??= setTimeout(() => this.#tellCandidates(), CANDIDATE_WAIT);
    }
  }

  #tellCandidates() {
    clearTimeout(this.#telling);
    this.#telling = undefined;
    while (this.#gathered.length > 0) {
      this.#options.send({ type: 'candidates', candidates: this.#gathered.splice(0, 32) });
    }
  }

  /** @param {boolean} ours */
  #exchanged(ours) {
    const local = this.#pc.currentLocalDescription?.sdp ?? '';
    const remote = this.#pc.currentRemoteDescription?.sdp ?? '';
    this.negotiated = ours ? { offer: local, answer: remote, ours } : { offer: remote, answer: local, ours };
    this.exchanges += 1;
    this.#options.changed();
  }

  /** The control channel. */
  #open() {
    const channel = this.#pc.createDataChannel('control', { negotiated: true, id: 0 });
    /** @param {() => Promise<void>} work */
    const later = (work) => {
      this.#queue = this.#queue.then(work);
    };
    channel.onopen = () => later(() => this.#confirm());
    channel.onmessage = ({ data }) => later(() => this.#heard(data));
    return channel;
  }

  /** Says what we saw of the handshake. */
  async #confirm() {
    const { own, theirs } = await this.#handshake();
    this.#control.send(JSON.stringify({ type: 'confirm', mac: await confirmation(this.#options.pair, own, theirs) }));
  }

  /** @param {unknown} data */
  async #heard(data) {
    const message = typeof data === 'string' ? read(data) : null;
    if (this.isConfirmed) {
      return message && this.#options.heard(message);
    }
    const { own, theirs } = await this.#handshake();
    if (message?.type !== 'confirm' || !(await isConfirmed(this.#options.pair, own, theirs, message.mac))) {
      this.close();
      throw new Error('they do not prove who they are');
    }
    this.isConfirmed = true;
    this.#options.screen.srcObject = this.#stream;
    this.#options.shared.srcObject = this.#shared;
    await this.update();
    this.#options.confirmed();
  }

  /** @typedef {{ own: import('./bytes.js').Bytes, theirs: import('./bytes.js').Bytes }} Certificates */
  #handshake() {
    this.#certificates ??= this.#shaken();
    return this.#certificates;
  }

  /** The certificates of the finished handshake: descriptions only say what they should be. */
  async #shaken() {
    // The channel may be told as open before the transport that carries it is in its place, and connected.
    while (this.#pc.sctp?.transport.state !== 'connected') {
      await new Promise((over) => setTimeout(over, 10));
    }
    const [theirs] = this.#pc.sctp.transport.getRemoteCertificates();
    const all = await this.#pc.getStats();
    const transport = Array.from(all.values()).find(({ type }) => type === 'transport');
    /** @type {string} */
    const own = all.get(transport?.localCertificateId).fingerprint;
    return { own: fromHex(own.replaceAll(':', '')), theirs: await digest(theirs) };
  }
}

/** @param {string} text */
function read(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
