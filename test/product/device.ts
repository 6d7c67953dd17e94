// A bare socket of one device, for tests that must not trust the client library.
import { once } from "node:events";
import WebSocket from "ws";

const FRAME_MS = 10_000;

export type Frame = Readonly<Record<string, unknown>>;

export class Device {
  readonly #socket: WebSocket;
  readonly #frames: Frame[] = [];
  readonly #listeners = new Set<() => void>();

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data: Buffer) => {
      const parsed: unknown = JSON.parse(data.toString());
      this.#frames.push(...(Array.isArray(parsed) ? parsed as Frame[] : [parsed as Frame]));
      for (const listener of this.#listeners) listener();
    });
  }

  /** To a door on 127.0.0.1; resolves after `hello`. Rejects when the upgrade is refused. */
  static async connect(port: number, token: string): Promise<Device> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/ws`, ["chat.v1.json"], { headers: { authorization: `Bearer ${token}` } });
    const device = new Device(socket);
    await once(socket, "open");
    await device.until((frame) => frame["type"] === "hello");
    return device;
  }

  /** Everything received, in order; an array counts as its frames. */
  get frames(): readonly Frame[] {
    return this.#frames;
  }

  send(frame: Frame): void {
    this.#socket.send(JSON.stringify(frame));
  }

  /** The first frame, received or to come, that is wanted. */
  until(wanted: (frame: Frame) => boolean): Promise<Frame> {
    return new Promise((resolve, reject) => {
      const done = (settle: () => void): void => {
        clearTimeout(timer);
        this.#listeners.delete(look);
        settle();
      };
      const look = (): void => {
        const frame = this.#frames.find(wanted);
        if (frame !== undefined) done(() => resolve(frame));
      };
      const timer = setTimeout(() => done(() => reject(new Error(`not received: ${wanted.toString()}; got ${JSON.stringify(this.#frames)}`))), FRAME_MS);
      this.#listeners.add(look);
      look();
    });
  }

  /** The connection is gone without a close frame. */
  cut(): void {
    this.#socket.terminate();
  }
}
