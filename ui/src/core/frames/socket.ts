import { Streams } from './streams';
import type { FrameConsumer, FrameSource } from './source';

/** The first wait before connecting again, and the longest: it is a socket on the same machine. */
const RETRY_MS = 200;
const RETRY_LIMIT_MS = 5_000;

/** Pictures over the loopback WebSocket; connects when the first view wants one, and again whenever it is lost. */
export class FrameSocket implements FrameSource {
  readonly #address: () => Promise<string>;
  readonly #streams = new Streams((message) => this.#send(message));
  #socket: WebSocket | undefined;
  #started = false;
  #retry = RETRY_MS;

  constructor(address: () => Promise<string>) {
    this.#address = address;
  }

  attach(stream: number, consumer: FrameConsumer): () => void {
    if (!this.#started) {
      this.#started = true;
      void this.#connect();
    }
    return this.#streams.attach(stream, consumer);
  }

  resized(stream: number): void {
    this.#streams.resized(stream);
  }

  #send(message: ArrayBuffer): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(message);
  }

  async #connect(): Promise<void> {
    let socket: WebSocket;
    try {
      // Asked again every time: the port and the secret are new when the other side started anew.
      socket = new WebSocket(await this.#address());
    } catch {
      this.#again();
      return;
    }
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => {
      this.#retry = RETRY_MS;
    };
    socket.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (data instanceof ArrayBuffer) this.#streams.receive(data);
    };
    socket.onclose = () => {
      this.#streams.forget();
      this.#again();
    };
    this.#socket = socket;
  }

  #again(): void {
    setTimeout(() => void this.#connect(), this.#retry);
    this.#retry = Math.min(this.#retry * 2, RETRY_LIMIT_MS);
  }
}
