// Reads the counter and the time that Tincan's test pattern carries in its picture (crates/media, `Stamp`): on a grid
// of 40 by 22.5 cells, 32 bits in each of the rows 1 to 3, columns 4 to 35, between a white cell and a black one.

export const COLUMNS = 40;
export const ROWS = 22.5;
export const FIRST_COLUMN = 3;
const BITS = 32;
const MIN_CONTRAST = 28;
/** Rows 0 to 4 hold the stamp; reading back more pixels costs more than reading them. */
const STRIP_ROWS = 5;

const canvas = document.createElement('canvas');
const context = canvas.getContext('2d', { willReadFrequently: true });

/**
 * @param {HTMLVideoElement} video
 * @returns {{ counter: number, micros: number } | null}
 */
export function readStamp(video) {
  const { videoWidth: width, videoHeight } = video;
  if (!context || width === 0) {
    return null;
  }
  const height = Math.round((videoHeight * STRIP_ROWS) / ROWS);
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  context.drawImage(video, 0, 0, width, height, 0, 0, width, height);
  const pixels = context.getImageData(0, 0, width, height).data;
  const rows = [1, 2, 3].map((row) => readRow(pixels, width, width / COLUMNS, videoHeight / ROWS, row));
  const [counter, upper, lower] = rows;
  if (counter == null || upper == null || lower == null) {
    return null;
  }
  const stamp = new DataView(new ArrayBuffer(12));
  stamp.setUint32(0, counter);
  stamp.setUint32(4, upper);
  stamp.setUint32(8, lower);
  const sum = crc16(new Uint8Array(stamp.buffer, 0, 10));
  return sum === stamp.getUint16(10) ? { counter, micros: upper * 0x1_0000 + stamp.getUint16(8) } : null;
}

/**
 * What the three rows of a stamp hold.
 * @param {number} counter
 * @param {number} micros
 */
export function stampRows(counter, micros) {
  const stamp = new DataView(new ArrayBuffer(12));
  stamp.setUint32(0, counter);
  stamp.setUint32(4, Math.floor(micros / 0x1_0000));
  stamp.setUint16(8, micros % 0x1_0000);
  stamp.setUint16(10, crc16(new Uint8Array(stamp.buffer, 0, 10)));
  return [0, 4, 8].map((at) => stamp.getUint32(at));
}

/**
 * @param {Uint8ClampedArray} pixels
 * @param {number} stride
 * @param {number} cellWidth
 * @param {number} cellHeight
 * @param {number} row
 */
function readRow(pixels, stride, cellWidth, cellHeight, row) {
  /** The mean of the middle of a cell. @param {number} column */
  const cell = (column) => {
    let sum = 0;
    let count = 0;
    for (let y = Math.floor((row + 0.3) * cellHeight); y < (row + 0.7) * cellHeight; y += 1) {
      const left = Math.floor((FIRST_COLUMN + column + 0.3) * cellWidth);
      for (let x = left; x < (FIRST_COLUMN + column + 0.7) * cellWidth; x += 1) {
        // Grey cells: green is the nearest to luma.
        sum += pixels[(y * stride + x) * 4 + 1] ?? 0;
        count += 1;
      }
    }
    return sum / count;
  };
  const [white, black] = [cell(0), cell(BITS + 1)];
  if (white - black < MIN_CONTRAST) {
    return null;
  }
  let bits = 0;
  for (let column = 1; column <= BITS; column += 1) {
    bits = bits * 2 + Number(cell(column) > (white + black) / 2);
  }
  return bits;
}

/** CRC-16/CCITT-FALSE. @param {Uint8Array} bytes */
function crc16(bytes) {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) {
      crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
    }
  }
  return crc;
}
