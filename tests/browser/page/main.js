// A participant in a browser. What it does is said to it by `tincan.…` and what happens is told by `report`, both
// from driver.js.

import { Identity } from './identity.js';
import { deriveKeys, newCode, readCode } from './keys.js';
import { Room } from './room.js';

/** @import { Board } from './board.js' */
/** @import { Ink } from './ink.js' */
/** @import { Join } from './room.js' */

/** @type {Room | undefined} */
let room;

const tincan = {
  /** @param {Join} options */
  async join(options) {
    const code = options.code ? readCode(options.code) : newCode();
    const stream = await navigator.mediaDevices.getUserMedia({
      video: { width: { exact: options.width }, height: { exact: options.height }, frameRate: 30 },
      // What the clip says is to arrive, not what is left after another's processing.
      audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
    });
    room = new Room(options, code, await deriveKeys(code), await Identity.create(), stream);
  },
  /** @param {{ on: boolean }} command */
  microphone: ({ on }) => room?.send('microphone', on),
  /** @param {{ on: boolean }} command */
  camera: ({ on }) => room?.send('camera', on),
  /** @param {{ on: boolean }} command */
  share: ({ on }) => room?.share(on),
  /** @param {{ up: boolean }} command */
  hand: ({ up }) => room?.raiseHand(up),
  /** @param {{ reaction: string }} command */
  react: ({ reaction }) => room?.sayToAll({ type: 'reaction', reaction }),
  /** How large everybody's camera is shown here. @param {{ height: number }} command */
  want: ({ height }) => room?.sayToAll({ type: 'want', streams: [{ source: 'camera', height }] }),
  /** @param {{ on: boolean }} command */
  lock: ({ on }) => room?.lock(on),
  /** @param {{ peer: string }} command */
  letIn: ({ peer }) => room?.letIn(peer),
  /** @param {{ peer: string }} command */
  refuse: ({ peer }) => room?.refuse(peer),
  /** @param {{ text: string, to?: string, reply?: string }} draft */
  say: (draft) => room?.do(({ chat }) => chat.say(draft)),
  /** Without a text it is deleted. @param {{ id: string, text?: string }} command */
  rewrite: ({ id, text }) => room?.do(({ chat }) => chat.change(id, text)),
  /** @param {{ id: string, reactions: string[] }} command */
  think: ({ id, reactions }) => room?.do(({ chat }) => chat.react(id, reactions)),
  /** @param {{ element: Parameters<Board['draw']>[0] }} command */
  draw: ({ element }) => room?.do(({ board }) => board.draw(element)),
  /** @param {{ id: string, values: Parameters<Board['change']>[1] }} command */
  change: ({ id, values }) => room?.do(({ board }) => board.change(id, values)),
  /** @param {{ ids: string[] }} command */
  erase: ({ ids }) => room?.do(({ board }) => board.erase(ids)),
  /** @param {{ state: Parameters<Ink['set']>[0] }} command */
  ink: ({ state }) => room?.do(({ ink }) => ink.set(state)),
  restartIce: () => room?.restartIce(),
  requestKeyframe: () => room?.requestKeyframe(),
  damagePicture: () => room?.damagePicture(),
  leave: () => room?.leave(),
};

Object.assign(window, { tincan });
