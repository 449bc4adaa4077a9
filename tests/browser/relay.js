// Something on the way between two ICE agents that loses media packets, by count, so that every run loses the same.

import { createSocket } from 'node:dgram';

/** First byte of RTP and RTCP, and payload types of RTCP (RFC 5761, section 4; RFC 7983). */
const isMedia = (/** @type {Buffer} */ packet) => {
  const [first = 0, second = 0] = packet;
  return first >= 128 && first <= 191 && !(second >= 192 && second <= 223);
};

/**
 * A port on which everything is passed on to `address` and `port`, and back, but for one in `lossEvery` media packets.
 * @param {{ address: string, port: number, lossEvery: number }} options
 * @returns {Promise<{ port: number, close: () => void }>}
 */
export async function relay({ address, port, lossEvery }) {
  const type = address.includes(':') ? 'udp6' : 'udp4';
  const [near, far] = [createSocket(type), createSocket(type)];
  /** @type {import('node:dgram').RemoteInfo | undefined} */
  let sender;
  /** @param {(packet: Buffer) => void} pass */
  const lossy = (pass) => {
    let count = 0;
    return (/** @type {Buffer} */ packet) => {
      count += Number(isMedia(packet));
      if (!isMedia(packet) || count % lossEvery !== 0) {
        pass(packet);
      }
    };
  };
  const there = lossy((packet) => far.send(packet, port, address));
  const back = lossy((packet) => sender && near.send(packet, sender.port, sender.address));
  near.on('message', (packet, from) => {
    sender = from;
    there(packet);
  });
  far.on('message', back);
  await Promise.all([near, far].map((socket) => new Promise((bound) => socket.bind(0, address, () => bound(undefined)))));
  return {
    port: near.address().port,
    close: () => {
      near.close();
      far.close();
    },
  };
}
