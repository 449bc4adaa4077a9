// Encoded frames between codec and network, where a test can ask for a keyframe and damage a picture.

const worker = new Worker('/page/frames-worker.js');

/** @param {RTCRtpSender} sender */
export function watchSender(sender) {
  sender.transform = new RTCRtpScriptTransform(worker, { side: 'sender' });
}

/** @param {RTCRtpReceiver} receiver */
export function watchReceiver(receiver) {
  receiver.transform = new RTCRtpScriptTransform(worker, { side: 'receiver' });
}

/** Asks the other side for a keyframe. */
export function requestKeyframe() {
  worker.postMessage('request');
}

/** Makes the next picture that is sent one that nobody can decode. */
export function damagePicture() {
  worker.postMessage('damage');
}
