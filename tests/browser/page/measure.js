// One of the browsers that are in a call with each other, to compare Tincan with. measure.js beside this folder carries
// what they say to each other; each knows the others by their numbers.

import { readStamp } from './stamp.js';

/**
 * @typedef {object} Options
 * @property {number} width
 * @property {number} height
 * @property {string} codec such as H264 or VP8
 * @property {number} kbps what pictures may take on each connection
 * @property {number} people how many are in the call in the end
 * @property {boolean} [soundOnly] no pictures, and sound is processed as browsers do unless told otherwise
 * @property {'shows' | 'looks'} [screen] shares its screen, or only looks, and neither has a camera or a microphone
 */

/**
 * A connection to one of the others, where their picture is shown, and when the first one was there; zero before.
 * @typedef {{ pc: RTCPeerConnection, screen: HTMLVideoElement, first: number }} Link
 */

const screens = /** @type {HTMLElement} */ (document.querySelector('#screens'));
const mirror = /** @type {HTMLVideoElement} */ (document.querySelector('#mirror'));
const { say } = /** @type {any} */ (window);
/** @type {Map<number, Link>} */
const links = new Map();
/** @type {{ stream: MediaStream, options: Options } | undefined} */
let opened;

/** Milliseconds on the clock that all pages of this machine share. */
const wallClock = (/** @type {number} */ time) => performance.timeOrigin + time;

/** @param {Options} options */
async function source({ width, height, soundOnly = false, screen }) {
  if (screen === 'looks') {
    return new MediaStream();
  }
  if (screen === 'shows') {
    const shared = await navigator.mediaDevices.getDisplayMedia({ video: { width, height, frameRate: 30 } });
    // As pages do that share documents: letters before motion.
    for (const track of shared.getVideoTracks()) {
      track.contentHint = 'text';
    }
    return shared;
  }
  return navigator.mediaDevices.getUserMedia({
    video: !soundOnly && { width: { exact: width }, height: { exact: height }, frameRate: 30 },
    audio: soundOnly || { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  });
}

/** @param {Options} options */
async function open(options) {
  const { people } = options;
  const stream = await source(options);
  mirror.srcObject = stream;
  // As in a window of 1280x720: everybody's picture in a grid.
  screens.style.setProperty('--columns', `${Math.ceil(Math.sqrt(people - 1))}`);
  opened = { stream, options };
}

/**
 * The connection to one of the others, which is made when it is first spoken of.
 * @param {number} to
 */
async function linkTo(to) {
  const known = links.get(to);
  if (known || !opened) {
    return /** @type {Link} */ (known);
  }
  const { stream, options } = opened;
  const pc = new RTCPeerConnection();
  const screen = document.createElement('video');
  Object.assign(screen, { autoplay: true, playsInline: true });
  screens.append(screen);
  /** @type {Link} */
  const link = { pc, screen, first: 0 };
  links.set(to, link);
  pc.ontrack = ({ streams }) => (screen.srcObject = streams[0] ?? null);
  pc.onicecandidate = ({ candidate }) => candidate && say({ to, candidate: candidate.toJSON() });
  screen.requestVideoFrameCallback((now) => (link.first = wallClock(now)));
  for (const track of stream.getTracks()) {
    const sender = pc.addTrack(track, stream);
    if (track.kind === 'video') {
      const parameters = sender.getParameters();
      parameters.encodings.forEach((encoding) => (encoding.maxBitrate = options.kbps * 1000));
      await sender.setParameters(parameters);
    }
  }
  const codecs = RTCRtpReceiver.getCapabilities('video')?.codecs ?? [];
  const isWanted = (/** @type {RTCRtpCodec} */ { mimeType, sdpFmtpLine = '' }) =>
    mimeType === 'video/rtx' ||
    (mimeType === `video/${options.codec}` &&
      (options.codec !== 'H264' || /packetization-mode=1;profile-level-id=42e01f/.test(sdpFmtpLine)));
  const video = pc.getTransceivers().find(({ sender }) => sender.track?.kind === 'video');
  video?.setCodecPreferences(codecs.filter(isWanted));
  return link;
}

/** Offers to all of these; returns when it began. @param {number[]} others */
async function offer(others) {
  const began = wallClock(performance.now());
  await Promise.all(
    others.map(async (to) => {
      const { pc } = await linkTo(to);
      await pc.setLocalDescription(await pc.createOffer());
      say({ to, description: pc.localDescription?.toJSON() });
    }),
  );
  return began;
}

/**
 * What one of the others said.
 * @param {{ from: number, description?: RTCSessionDescriptionInit, candidate?: RTCIceCandidateInit }} heard
 */
async function hear({ from, description, candidate }) {
  const { pc } = await linkTo(from);
  if (candidate) {
    await pc.addIceCandidate(candidate);
  } else if (description) {
    await pc.setRemoteDescription(description);
    if (description.type === 'offer') {
      await pc.setLocalDescription();
      say({ to: from, description: pc.localDescription?.toJSON() });
    }
  }
}

/** Whether all connections that there are stand. */
const connected = () => [...links.values()].every(({ pc }) => pc.connectionState === 'connected');

/** When the first picture of the last of so many others was there; zero before. @param {number} others */
const firstPictures = (others) => {
  const firsts = [...links.values()].map(({ first }) => first);
  return firsts.length < others || firsts.includes(0) ? 0 : Math.max(...firsts);
};

/** Of each connection. */
const statistics = () => Promise.all([...links.values()].map(({ pc }) => statisticsOf(pc)));

/** @param {RTCPeerConnection} pc */
async function statisticsOf(pc) {
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
 * Counters in our own pictures, or in those of another, and when they were seen, for so many seconds. It costs processor
 * time.
 * @param {{ seconds: number, of?: number }} options
 */
async function stamps({ seconds, of }) {
  const video = of === undefined ? mirror : (await linkTo(of)).screen;
  /** @type {[number, number][]} */
  const seen = [];
  let over = false;
  /** @type {VideoFrameRequestCallback} */
  const frame = (_, { captureTime, presentationTime }) => {
    if (over) {
      return;
    }
    const stamp = readStamp(video);
    if (stamp) {
      const time = of === undefined ? (captureTime ?? presentationTime) : presentationTime;
      seen.push([stamp.counter, wallClock(time)]);
    }
    video.requestVideoFrameCallback(frame);
  };
  video.requestVideoFrameCallback(frame);
  // Of what stands still no picture comes.
  await new Promise((done) => setTimeout(done, seconds * 1000));
  over = true;
  return seen;
}

/** The picture of another as it is now: a PNG as text. @param {number} of */
async function picture(of) {
  const { screen } = await linkTo(of);
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [screen.videoWidth, screen.videoHeight];
  canvas.getContext('2d')?.drawImage(screen, 0, 0);
  return canvas.toDataURL('image/png');
}

/** What is heard of another while it is listened to, as 16 bits a sample. @type {{ rate: number, pieces: Int16Array[] }} */
const ear = { rate: 48_000, pieces: [] };

/** Takes down what another says, from now on. @param {number} of */
async function listen(of) {
  const { pc } = await linkTo(of);
  const track = pc.getReceivers().find((receiver) => receiver.track.kind === 'audio')?.track;
  const sound = new /** @type {any} */ (window).MediaStreamTrackProcessor({ track }).readable.getReader();
  const go = async () => {
    for (;;) {
      const { value: data, done } = await sound.read();
      if (done) {
        return;
      }
      const plane = new Float32Array(data.numberOfFrames);
      data.copyTo(plane, { planeIndex: 0, format: 'f32-planar' });
      ear.rate = data.sampleRate;
      ear.pieces.push(Int16Array.from(plane, (sample) => Math.max(-1, Math.min(1, sample)) * 32767));
      data.close();
    }
  };
  void go();
}

/** What was taken down, as base64. */
async function heard() {
  const bytes = new Blob(/** @type {BlobPart[]} */ (ear.pieces));
  const reader = new FileReader();
  const read = new Promise((done) => (reader.onload = done));
  reader.readAsDataURL(bytes);
  await read;
  return { rate: ear.rate, samples: String(reader.result).split(',')[1] ?? '' };
}

const measured = { open, offer, hear, connected, firstPictures, statistics, stamps, picture, listen, heard };
Object.assign(window, { side: measured });
