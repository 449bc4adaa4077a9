// The worker of frames.js.

/** Start code, NAL header and the first bytes of the slice header: what says that this is a picture. */
const KEPT = 8;

/** @type {any} */
let receiver;
let damage = false;

/** @type {any} */ (self).onrtctransform = (/** @type {any} */ event) => {
  const { readable, writable, options } = event.transformer;
  if (options.side === 'receiver') {
    receiver = event.transformer;
    void readable.pipeTo(writable);
  } else {
    void readable.pipeThrough(new TransformStream({ transform: pass })).pipeTo(writable);
  }
};

self.onmessage = ({ data }) => {
  if (data === 'damage') {
    damage = true;
  } else {
    void receiver?.sendKeyFrameRequest();
  }
};

/**
 * @param {any} frame
 * @param {TransformStreamDefaultController} controller
 */
function pass(frame, controller) {
  if (damage && frame.type === 'delta') {
    damage = false;
    const data = new Uint8Array(frame.data.slice(0));
    data.fill(0xff, KEPT);
    frame.data = data.buffer;
  }
  controller.enqueue(frame);
}
