// One WebRTC connection to one participant: perfect negotiation, sound, picture and the control channel, as
// docs/protocol.md describes them.

import { digest, fingerprint, newLongCode, safetyNumber } from './keys.js';
import { fromHex } from './bytes.js';
import { watchReceiver, watchSender } from './frames.js';

/** @typedef {{ microphone: boolean, camera: boolean }} MediaState */
/**
 * @typedef {object} Options
 * @property {RTCIceServer[]} iceServers
 * @property {boolean} polite
 * @property {boolean} offers whether this side makes the first offer
 * @property {MediaStream} stream what is sent
 * @property {boolean} watchFrames
 * @property {(message: object) => void} send to the other side, through the server
 * @property {() => MediaState} state what is sent now
 * @property {() => void} changed
 * @property {() => void} goodbye
 * @property {boolean} handsOver whether the calls that follow have a code of their own
 * @property {(candidate: string) => Promise<string>} detour where a candidate of theirs is to be replaced by another
 * @property {HTMLVideoElement} screen
 */

export class Connection {
  #options;
  #pc;
  #makingOffer = false;
  #ignoresOffer = false;
  /** @type {RTCDataChannel | undefined} */
  #control;
  /** @type {Map<string, RTCRtpSender>} */
  senders = new Map();
  /** What they say that they send. @type {MediaState | null} */
  theirs = null;
  /** What both compare aloud. @type {{ words: string[], digits: string } | null} */
  safety = null;
  /** The code for the calls that follow. @type {string | null} */
  again = null;
  /** The last exchange that is through. @type {{ offer: string, answer: string, ours: boolean } | null} */
  negotiated = null;
  exchanges = 0;

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
    this.#pc = new RTCPeerConnection({ iceServers: options.iceServers });
    const pc = this.#pc;
    for (const track of options.stream.getTracks()) {
      const sender = pc.addTrack(track, options.stream);
      this.senders.set(track.kind, sender);
      if (options.watchFrames && track.kind === 'video') {
        watchSender(sender);
      }
    }
    if (options.offers) {
      this.#adopt(pc.createDataChannel('control'));
    }
    // Whoever waits for the other side's offer answers it before this can fire.
    pc.onnegotiationneeded = () => this.#offer();
    pc.onicecandidate = ({ candidate }) => this.#candidate(candidate);
    pc.onconnectionstatechange = () => this.#stateChanged();
    pc.ondatachannel = ({ channel }) => channel.label === 'control' && this.#adopt(channel);
    pc.ontrack = ({ track, receiver, streams }) => {
      if (options.watchFrames && track.kind === 'video') {
        watchReceiver(receiver);
      }
      options.screen.srcObject = streams[0] ?? new MediaStream([track]);
    };
  }

  get state() {
    return this.#pc.connectionState;
  }

  getStats() {
    return this.#pc.getStats();
  }

  restartIce() {
    this.#pc.restartIce();
  }

  tellState() {
    if (this.#control?.readyState === 'open') {
      this.#control.send(JSON.stringify({ type: 'state', ...this.#options.state() }));
    }
  }

  /** @param {string} code */
  #sayAgain(code) {
    this.again = code;
    this.#control?.send(JSON.stringify({ type: 'again', code }));
    this.#options.changed();
  }

  goodbye() {
    if (this.#control?.readyState === 'open') {
      this.#control.send(JSON.stringify({ type: 'goodbye' }));
    }
  }

  close() {
    this.#pc.close();
  }

  /** @param {{ kind: 'offer' | 'answer', sdp: string }} description */
  async description({ kind, sdp }) {
    const pc = this.#pc;
    fingerprint(sdp);
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
      this.#options.send({ type: 'description', kind: description.type, sdp: description.sdp });
    }
  }

  /** @param {RTCIceCandidate | null} candidate */
  #candidate(candidate) {
    // The end of candidates may come as an empty one, as null, or as both.
    if (candidate) {
      this.#options.send({
        type: 'candidate',
        candidate: candidate.candidate,
        sdp_mid: candidate.sdpMid,
        sdp_m_line_index: candidate.sdpMLineIndex,
        username_fragment: candidate.usernameFragment,
      });
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

  async #stateChanged() {
    this.#options.changed();
    if (this.#pc.connectionState === 'connected' && !this.safety) {
      this.safety = await this.#compared();
      this.#options.changed();
    }
  }

  /** Made from the certificates of the finished handshake: descriptions only say what they should be. */
  async #compared() {
    const dtls = this.#pc.sctp?.transport;
    // The connection may be told as connected a moment before its transport is.
    while (dtls && dtls.state !== 'connected') {
      await new Promise((changed) => dtls.addEventListener('statechange', changed, { once: true }));
    }
    const [theirs] = dtls?.getRemoteCertificates() ?? [];
    const all = await this.#pc.getStats();
    const transport = Array.from(all.values()).find(({ type }) => type === 'transport');
    /** @type {string} */
    const ours = all.get(transport?.localCertificateId).fingerprint;
    return await safetyNumber(fromHex(ours.replaceAll(':', '')), await digest(theirs));
  }

  /** @param {RTCDataChannel} channel */
  #adopt(channel) {
    this.#control = channel;
    channel.onopen = () => {
      this.tellState();
      // Whoever was there first hands it over.
      if (this.#options.handsOver && !this.#options.offers) {
        this.#sayAgain(this.again ?? newLongCode());
      }
    };
    channel.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === 'state') {
        this.theirs = { microphone: message.microphone, camera: message.camera };
        this.#options.changed();
      } else if (message.type === 'again' && this.#options.handsOver) {
        if (this.again === null || message.code < this.again) {
          this.#sayAgain(message.code);
        }
      } else if (message.type === 'goodbye') {
        this.#options.goodbye();
      }
    };
  }
}
