/** Pictures on the board: fetched when they are looked at, and no more of them kept than fit. */

/** Of all pictures together that are unpacked here: 40 million pixels are 160 MB. */
const MOST_PIXELS = 40_000_000;
/** A picture is unpacked no larger than this. */
const MOST_SIDE = 2_048;
/** As large as the engine takes one. */
export const MOST_BYTES = 512 * 1_024;
/** What is imported is made no larger than this, and smaller until it fits. */
const IMPORT_SIDES = [2_048, 1_600, 1_200, 900, 600, 400];
const QUALITY = 0.85;

interface Kept {
  image: ImageBitmap | undefined;
  /** When it was looked at last, by a count. */
  seen: number;
}

export class Pictures {
  readonly #fetch: (hash: string) => Promise<string | undefined>;
  readonly #came: () => void;
  readonly #kept = new Map<string, Kept>();
  readonly #loads = new Set<Promise<void>>();
  #count = 0;
  #closed = false;

  constructor(fetch: (hash: string) => Promise<string | undefined>, came: () => void) {
    this.#fetch = fetch;
    this.#came = came;
  }

  /** The picture, if it is here; else it is fetched. */
  get(hash: string): ImageBitmap | undefined {
    this.#count += 1;
    const kept = this.#kept.get(hash);
    if (kept) {
      kept.seen = this.#count;
      return kept.image;
    }
    this.#kept.set(hash, { image: undefined, seen: this.#count });
    const load = this.#load(hash).finally(() => this.#loads.delete(load));
    this.#loads.add(load);
    return undefined;
  }

  /** Comes back when nothing is being fetched. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#loads);
  }

  /** Those that were not whole before are fetched again, and those that are not on the board any more are forgotten. */
  follow(has: (hash: string) => boolean): void {
    for (const [hash, { image }] of this.#kept) {
      if (image && has(hash)) continue;
      image?.close();
      this.#kept.delete(hash);
    }
  }

  async #load(hash: string): Promise<void> {
    const data = await this.#fetch(hash);
    // What cannot be shown stays a grey sheet.
    const image = data === undefined ? undefined : await unpack(bytesOf(data)).catch(() => undefined);
    const kept = this.#kept.get(hash);
    if (!kept || !image || this.#closed) return image?.close();
    kept.image = image;
    this.#makeRoom();
    this.#came();
  }

  #makeRoom(): void {
    const all = [...this.#kept].sort(([, a], [, b]) => b.seen - a.seen);
    let pixels = 0;
    for (const [hash, { image }] of all) {
      pixels += (image?.width ?? 0) * (image?.height ?? 0);
      if (pixels <= MOST_PIXELS || !image) continue;
      image.close();
      this.#kept.delete(hash);
    }
  }

  close(): void {
    this.#closed = true;
    for (const { image } of this.#kept.values()) image?.close();
    this.#kept.clear();
  }
}

async function unpack(bytes: Uint8Array<ArrayBuffer>): Promise<ImageBitmap> {
  const image = await createImageBitmap(new Blob([bytes]));
  const side = Math.max(image.width, image.height);
  if (side <= MOST_SIDE) return image;
  const by = MOST_SIDE / side;
  const smaller = await createImageBitmap(image, {
    resizeWidth: Math.max(1, Math.round(image.width * by)),
    resizeHeight: Math.max(1, Math.round(image.height * by)),
    resizeQuality: 'medium',
  });
  image.close();
  return smaller;
}

/**
 * A picture of somebody’s disk, as the board takes it. It is always drawn anew: what a camera writes into a file besides the
 * picture, such as where it was taken, stays here.
 */
export async function imported(
  file: Blob,
): Promise<{ data: string; size: { width: number; height: number } } | undefined> {
  const image = await createImageBitmap(file).catch(() => undefined);
  if (!image) return undefined;
  try {
    const whole = Math.max(image.width, image.height);
    for (const side of IMPORT_SIDES) {
      const by = Math.min(1, side / whole);
      const width = Math.max(1, Math.round(image.width * by));
      const height = Math.max(1, Math.round(image.height * by));
      const canvas = document.createElement('canvas');
      canvas.width = width;
      canvas.height = height;
      const context = canvas.getContext('2d');
      if (!context) return undefined;
      context.drawImage(image, 0, 0, width, height);
      // Drawings are sharper and smaller as PNG, photographs are too large then.
      const blob = await fitting(canvas, context);
      if (blob) return { data: await base64(blob), size: { width, height } };
    }
    return undefined;
  } finally {
    image.close();
  }
}

async function fitting(
  canvas: HTMLCanvasElement,
  context: CanvasRenderingContext2D,
): Promise<Blob | undefined> {
  const png = await blobOf(canvas, 'image/png');
  if (png && png.size <= MOST_BYTES) return png;
  // JPEG knows no holes: they are white.
  context.globalCompositeOperation = 'destination-over';
  context.fillStyle = '#ffffff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  const jpeg = await blobOf(canvas, 'image/jpeg');
  return jpeg && jpeg.size <= MOST_BYTES ? jpeg : undefined;
}

export function blobOf(canvas: HTMLCanvasElement, type: string): Promise<Blob | null> {
  return new Promise((resolve) => canvas.toBlob(resolve, type, QUALITY));
}

export async function base64(blob: Blob): Promise<string> {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let text = '';
  // A call with all of them at once would be too long for the stack.
  for (let at = 0; at < bytes.length; at += 8_192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8_192));
  }
  return btoa(text);
}

function bytesOf(data: string): Uint8Array<ArrayBuffer> {
  const text = atob(data);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at);
  return bytes;
}
