// One connection of a device, over whichever way: counts the frames that it writes and hands over those that come; makes nothing of either.
import { WebSocket } from "ws";
import { decodeBinaryDown, encodeBinaryUp } from "../protocol/codec-protobuf.ts";
import { type Encoding, SUBPROTOCOLS } from "../protocol/encodings.ts";
import type { Deployment } from "./deployment.ts";

export type Frame = Record<string, unknown>;

/** json and pb: a WebSocket. poll: requests. */
export type Way = Encoding | "poll";

/** Gets the frames of each message at once. */
export type OnFrames = (frames: Frame[], connection: Connection) => void;

export interface Connection {
  readonly number: number;
  /** Several frames go as one array. Returns each frame's place on this connection. */
  write(frames: readonly Frame[]): number[];
  /** Resolves with the close code, 1006 where the peer went without a word; at once when it was left behind. */
  closed(): Promise<number>;
  /** Gone at once, without a close frame. */
  cut(): void;
  /** For the server it goes on living, but nobody reads it any more. */
  leaveHalfOpen(forMs: number): void;
}

const HANDSHAKE_MS = 10_000;

let opened = 0;

export function nextNumber(): number {
  opened += 1;
  return opened;
}

export class Socket implements Connection {
  readonly number = nextNumber();
  private readonly ws: WebSocket;
  private readonly encoding: Encoding;
  private frames = 0;
  private detached = false;

  private constructor(ws: WebSocket, encoding: Encoding) {
    this.ws = ws;
    this.encoding = encoding;
  }

  /** Resolves when it is open; rejects where there is no upgrade. */
  static async open(deployment: Deployment, userId: string, deviceId: string, onFrames: OnFrames, encoding: Encoding = "json"): Promise<Socket> {
    const token = await deployment.token(userId);
    const url = `${deployment.url().replace(/^http/, "ws")}/v1/ws?device_id=${encodeURIComponent(deviceId)}`;
    const ws = new WebSocket(url, [SUBPROTOCOLS[encoding]], { headers: { authorization: `Bearer ${token}` }, handshakeTimeout: HANDSHAKE_MS, perMessageDeflate: false });
    const socket = new Socket(ws, encoding);
    ws.on("message", (data: Buffer, binary: boolean) => {
      if (socket.detached || binary !== (encoding === "pb")) return;
      const parsed: unknown = binary ? decodeBinaryDown(data) : JSON.parse(data.toString("utf8"));
      onFrames((Array.isArray(parsed) ? parsed : [parsed]) as Frame[], socket);
    });
    await new Promise<void>((resolve, reject) => {
      ws.once("open", resolve);
      ws.once("error", reject);
    });
    // Whatever ends it, `closed` says so.
    ws.on("error", () => undefined);
    return socket;
  }

  closed(): Promise<number> {
    return new Promise((resolve) => {
      if (this.detached || this.ws.readyState === WebSocket.CLOSED) resolve(1006);
      this.ws.once("close", resolve);
      this.ws.once("detached", () => resolve(1006));
    });
  }

  write(frames: readonly Frame[]): number[] {
    const places = frames.map((_, i) => this.frames + i);
    this.frames += frames.length;
    if (this.ws.readyState === WebSocket.OPEN) this.ws.send(this.encoding === "pb" ? encodeBinaryUp(frames) : encode(frames.length === 1 ? frames[0] : frames));
    return places;
  }

  cut(): void {
    this.ws.terminate();
  }

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
