// A user's socket. The `ws` package costs less CPU here than Node's own WebSocket.
import { once } from "node:events";
import WebSocket from "ws";
import type { Target } from "./target.ts";
import type { Wire } from "./wire.ts";

export interface Device {
  readonly user: string;
  /** How it writes and reads. */
  readonly wire: Wire;
  send(message: string | Uint8Array): void;
  /** Sends receipts, delivered and read, for everything up to here; absent where it sends none. */
  acknowledge?(conversationId: string, seq: number): void;
  /** What is called with each message that arrives, and when the socket is closed from the other side. */
  listen(heard: (message: Buffer) => void, closed: (error: Error) => void): void;
  close(): Promise<void>;
}

/** As a client does: who is silent for half a minute is closed. */
const PING_MS = 10_000;
const PONG = Buffer.from("pong");

/** Sockets that are opened at once. */
const WIDTH = 10;

/** The devices of these users, connected, in the users' order. */
export async function connectAll(target: Target, users: readonly string[], wire: Wire, receipts: boolean): Promise<Device[]> {
  const devices: Device[] = [];
  for (let start = 0; start < users.length; start += WIDTH) {
    devices.push(...(await Promise.all(users.slice(start, start + WIDTH).map((user) => connect(target, user, wire, receipts)))));
  }
  return devices;
}

async function connect(target: Target, user: string, wire: Wire, receipts: boolean): Promise<Device> {
  const token = await target.token(user);
  const socket = new WebSocket(`${target.url.replace(/^http/, "ws")}/v1/ws?device_id=bench`, wire.subprotocols, {
    headers: { Authorization: `Bearer ${token}` }, perMessageDeflate: false, skipUTF8Validation: true,
  });
  // The server's first message is its `hello`.
  await once(socket, "message");
  const beat = setInterval(() => socket.send("ping"), PING_MS);
  socket.on("close", () => clearInterval(beat));
  return {
    user, wire,
    send: (message) => socket.send(message),
    ...(receipts ? {
      acknowledge: (conversation_id: string, up_to_seq: number) => socket.send(wire.encode(
        ["DELIVERED", "READ"].map((status) => ({ type: "receipt", conversation_id, up_to_seq, status })),
      )),
    } : {}),
    listen(heard, closed) {
      socket.removeAllListeners("message").on("message", (data) => {
        if (!PONG.equals(data as Buffer)) heard(data as Buffer);
      });
      socket.removeAllListeners("close").on("close", (code: number) => {
        clearInterval(beat);
        closed(new Error(`the socket of ${user} was closed with ${code}`));
      });
    },
    async close() {
      clearInterval(beat);
      socket.removeAllListeners("message").removeAllListeners("close");
      socket.close(1000);
      if (socket.readyState !== WebSocket.CLOSED) await once(socket, "close");
    },
  };
}
