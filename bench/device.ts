// A user's socket. The `ws` package costs less CPU here than Node's own WebSocket.
import { once } from "node:events";
import WebSocket from "ws";
import type { Target } from "./target.ts";

export interface Device {
  readonly user: string;
  send(text: string): void;
  /** What is called with each text that arrives. */
  listen(heard: (text: Buffer) => void): void;
  close(): Promise<void>;
}

/** As a client does: who is silent for half a minute is closed. */
const PING_MS = 10_000;
const PONG = Buffer.from("pong");

/** Sockets that are opened at once. */
const WIDTH = 10;

/** The devices of these users, connected, in the users' order. */
export async function connectAll(target: Target, users: readonly string[]): Promise<Device[]> {
  const devices: Device[] = [];
  for (let start = 0; start < users.length; start += WIDTH) {
    devices.push(...(await Promise.all(users.slice(start, start + WIDTH).map((user) => connect(target, user)))));
  }
  return devices;
}

async function connect(target: Target, user: string): Promise<Device> {
  const token = await target.token(user);
  const socket = new WebSocket(`${target.url.replace(/^http/, "ws")}/v1/ws?device_id=bench`, {
    headers: { Authorization: `Bearer ${token}` }, perMessageDeflate: false, skipUTF8Validation: true,
  });
  // The server's first text is its `hello`.
  await once(socket, "message");
  const beat = setInterval(() => socket.send("ping"), PING_MS);
  socket.on("close", () => clearInterval(beat));
  return {
    user,
    send: (text) => socket.send(text),
    listen(heard) {
      socket.removeAllListeners("message").on("message", (data) => {
        if (!PONG.equals(data as Buffer)) heard(data as Buffer);
      });
      socket.removeAllListeners("close").on("close", (code: number) => {
        clearInterval(beat);
        heard(Buffer.from(JSON.stringify({ type: "error", code: `closed ${code}`, message: `the socket of ${user} was closed` })));
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
