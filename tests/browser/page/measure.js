// One side of a call between two browsers, to compare Tincan with. measure.js beside this folder carries what they say
// to each other.

import { readStamp } from './stamp.js';

/**
 * @typedef {object} Options
 * @property {number} width
 * @property {number} height
 * @property {string} codec such as H264 or VP8
 * @property {number} kbps what pictures may take
 * @property {boolean} [soundOnly] no pictures, and sound is processed as browsers do unless told otherwise
 */

const screen = /** @type {HTMLVideoElement} */ (document.querySelector('#screen'));
const mirror = /** @type {HTMLVideoElement} */ (document.querySelector('#mirror'));
const { say } = /** @type {any} */ (window);
const pc = new RTCPeerConnection();
let first = 0;

/** Milliseconds on the clock that all pages of this machine share. */
const wallClock = (/** @type {number} */ time) => performance.timeOrigin + time;

/** @param {Options} options */
async function open({ width, height, codec, kbps, soundOnly = false }) {
  const stream = await navigator.mediaDevices.getUserMedia({
    video: !soundOnly && { width: { exact: width }, height: { exact: height }, frameRate: 30 },
    audio: soundOnly || { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  });
  mirror.srcObject = stream;
  for (const track of stream.getTracks()) {
    const sender = pc.addTrack(track, stream);
    if (track.kind === 'video') {
      const parameters = sender.getParameters();
      parameters.encodings.forEach((encoding) => (encoding.maxBitrate = kbps * 1000));
      await sender.setParameters(parameters);
    }
  }
  const codecs = RTCRtpReceiver.getCapabilities('video')?.codecs ?? [];
  const isWanted = (/** @type {RTCRtpCodec} */ { mimeType, sdpFmtpLine = '' }) =>
    mimeType === 'video/rtx' ||
    (mimeType === `video/${codec}` &&
      (codec !== 'H264' || /packetization-mode=1;profile-level-id=42e01f/.test(sdpFmtpLine)));
  const video = pc.getTransceivers().find(({ sender }) => sender.track?.kind === 'video');
  video?.setCodecPreferences(codecs.filter(isWanted));
  pc.ontrack = ({ streams }) => (screen.srcObject = streams[0] ?? null);
  pc.onicecandidate = ({ candidate }) => candidate && say({ candidate: candidate.toJSON() });
  screen.requestVideoFrameCallback((now) => (first = wallClock(now)));
}

/** Offers; returns when it began. */
async function offer() {
  const began = wallClock(performance.now());
  await pc.setLocalDescription(await pc.createOffer());
  say({ description: pc.localDescription?.toJSON() });
  return began;
}

/** What the other side said. @param {{ description?: RTCSessionDescriptionInit, candidate?: RTCIceCandidateInit }} heard */
async function hear({ description, candidate }) {
  if (candidate) {
    await pc.addIceCandidate(candidate);
  } else if (description) {
    await pc.setRemoteDescription(description);
    if (description.type === 'offer') {
      await pc.setLocalDescription();
      say({ description: pc.localDescription?.toJSON() });
    }
  }
}

/** Whether there is a connection. */
const connected = () => pc.connectionState === 'connected';

/** When the first picture was there; zero before. */
const firstPicture = () => first;

async function statistics() {
  /** @type {Record<string, any>} */
  const found = {};
  for (const one of (await pc.getStats()).values()) {
    if (one.kind && one.type.endsWith('-rtp')) {
      found[`${one.type} ${one.kind}`] = one;
    }
  }
  return found;
}

/**
 * Counters in the pictures of one side, and when they were seen, for so many seconds. It costs processor time.
 * @param {{ seconds: number, side: 'camera' | 'screen' }} options
 */
async function stamps({ seconds, side }) {
  const video = side === 'camera' ? mirror : screen;
  /** @type {[number, number][]} */
  const seen = [];
  const end = performance.now() + seconds * 1000;
  await new Promise((done) => {
    /** @type {VideoFrameRequestCallback} */
    const frame = (now, { captureTime, presentationTime }) => {
      const stamp = readStamp(video);
      if (stamp) {
        const time = side === 'camera' ? (captureTime ?? presentationTime) : presentationTime;
        seen.push([stamp.counter, wallClock(time)]);
      }
      if (now < end) {
        video.requestVideoFrameCallback(frame);
      } else {
        done(undefined);
      }
    };
    video.requestVideoFrameCallback(frame);
  });
  return seen;
}

Object.assign(window, { side: { open, offer, hear, connected, firstPicture, statistics, stamps } });
