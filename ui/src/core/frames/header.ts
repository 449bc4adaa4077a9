/**
 * The bytes on the frame socket: a little-endian header, then a picture as I420 (all of Y, then U, then V, rows
 * without padding). The other side is `src-tauri/src/frame_socket/wire.rs`.
 */

/** `TCF2` read as a little-endian number. */
export const MAGIC = 0x32464354;
/** Magic, stream, sequence (u32), width, height (u16), the same before it was scaled (u16), capture time in µs (u64). */
export const HEADER_LENGTH = 28;
/** Stream and sequence (u32), width and height (u16). */
export const ACK_LENGTH = 12;

export interface Header {
  stream: number;
  sequence: number;
  width: number;
  height: number;
  /** Its size before it was scaled to where it is shown. */
  own: Size;
  /** On the sender's clock. */
  captureMicros: number;
}

/** `undefined` for anything that is not a whole message: the rest of the window must not trust its length. */
export function parseHeader(message: ArrayBuffer): Header | undefined {
  if (message.byteLength < HEADER_LENGTH) return undefined;
  const view = new DataView(message);
  if (view.getUint32(0, true) !== MAGIC) return undefined;
  const width = view.getUint16(12, true);
  const height = view.getUint16(14, true);
  if ((width === 0) !== (height === 0)) return undefined;
  if ((view.getUint16(16, true) === 0) !== (view.getUint16(18, true) === 0)) return undefined;
  if (message.byteLength !== HEADER_LENGTH + i420Length(width, height)) return undefined;
  return {
    stream: view.getUint32(4, true),
    sequence: view.getUint32(8, true),
    width,
    height,
    own: { width: view.getUint16(16, true), height: view.getUint16(18, true) },
    // 2^53 µs are 285 years.
    captureMicros: Number(view.getBigUint64(20, true)),
  };
}

/** Whether the message says that its stream shows nothing more. */
export function isEnd(header: Header): boolean {
  return header.width === 0 && header.own.width === 0;
}

export function i420Length(width: number, height: number): number {
  return width * height + 2 * chroma(width) * chroma(height);
}

/** Columns or rows of a chroma plane. */
export function chroma(size: number): number {
  return (size + 1) >> 1;
}

export interface Size {
  width: number;
  height: number;
}

/**
 * Says that everything of `stream` up to `sequence` was taken, and on how many of the screen's pixels it is shown: the
 * next pictures are scaled down to that. Nothing by nothing where that is not known.
 */
export function acknowledgement(stream: number, sequence: number, shown: Size): ArrayBuffer {
  const message = new ArrayBuffer(ACK_LENGTH);
  const view = new DataView(message);
  view.setUint32(0, stream, true);
  view.setUint32(4, sequence, true);
  view.setUint16(8, Math.min(shown.width, 65_535), true);
  view.setUint16(10, Math.min(shown.height, 65_535), true);
  return message;
}
