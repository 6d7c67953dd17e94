// One socket. Counts the frames that it writes and hands over those that come; makes nothing of either.
import { WebSocket } from "ws";
import type { Deployment } from "./deployment.ts";

export type Frame = Record<string, unknown>;

const HANDSHAKE_MS = 10_000;

let opened = 0;

export class Connection {
  readonly number: number;
  private readonly ws: WebSocket;
  private frames = 0;
  private detached = false;

  private constructor(ws: WebSocket) {
    opened += 1;
    this.number = opened;
    this.ws = ws;
  }

  /** Resolves when it is open; rejects where there is no upgrade. `onFrames` gets the frames of each text at once. */
  static async open(deployment: Deployment, userId: string, deviceId: string, onFrames: (frames: Frame[], connection: Connection) => void): Promise<Connection> {
    const token = await deployment.token(userId);
    const url = `${deployment.url().replace(/^http/, "ws")}/v1/ws?device_id=${encodeURIComponent(deviceId)}`;
    const ws = new WebSocket(url, { headers: { authorization: `Bearer ${token}` }, handshakeTimeout: HANDSHAKE_MS, perMessageDeflate: false });
    const connection = new Connection(ws);
    ws.on("message", (text: Buffer, binary: boolean) => {
      if (connection.detached || binary) return;
      const parsed: unknown = JSON.parse(text.toString("utf8"));
      onFrames((Array.isArray(parsed) ? parsed : [parsed]) as Frame[], connection);
    });
    await new Promise<void>((resolve, reject) => {
      ws.once("open", resolve);
      ws.once("error", reject);
    });
    // Whatever ends it, `closed` says so.
    ws.on("error", () => undefined);
    return connection;
  }

  /** Resolves with the close code, 1006 where the peer went without a word; at once when it was left behind. */
  closed(): Promise<number> {
    return new Promise((resolve) => {
      if (this.detached || this.ws.readyState === WebSocket.CLOSED) resolve(1006);
      this.ws.once("close", resolve);
      this.ws.once("detached", () => resolve(1006));
    });
  }

  /** Several frames go as one array. Returns each frame's place on this socket. */
  write(frames: readonly Frame[]): number[] {
    const places = frames.map((_, i) => this.frames + i);
    this.frames += frames.length;
    if (this.ws.readyState === WebSocket.OPEN) this.ws.send(encode(frames.length === 1 ? frames[0] : frames));
    return places;
  }

  /** Gone at once, without a close frame. */
  cut(): void {
    this.ws.terminate();
  }

  /** For the server it goes on living, but nobody reads it any more. */
  leaveHalfOpen(forMs: number): void {
    this.detached = true;
    this.ws.pause();
    setTimeout(() => this.ws.terminate(), forMs).unref();
    this.ws.emit("detached");
  }
}

/** The server refuses a literal U+FFFD, which is also what invalid UTF-8 turns into. */
export function encode(value: unknown): string {
  return JSON.stringify(value).replaceAll("\uFFFD", String.raw`\ufffd`);
}
