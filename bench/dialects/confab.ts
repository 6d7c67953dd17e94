// Confab's own protocol, and the bare Worker's, which speaks the same. The `ws` package costs less CPU here than Node's own
// WebSocket.
import { once } from "node:events";
import WebSocket from "ws";
import { NOTIFY_BYTES } from "../../protocol/frames/notify.ts";
import { type Address, type Device, type Dialect, type Seen } from "./dialect.ts";
import { History } from "./history.ts";
import type { Tokens } from "./tokens.ts";
import type { Wire } from "./wire.ts";

export interface ConfabOptions {
  url: string;
  tokens: Tokens;
  wire: Wire;
  /** Does every device say DELIVERED and READ for each unit that it gets? */
  receipts: boolean;
}

interface Frame {
  type: string;
  client_msg_id: string;
  conversation_id: string;
  seq: number;
  code?: string;
  message?: string;
}

/** As a client does: who is silent for half a minute is closed. */
const PING_MS = 10_000;
const PONG = Buffer.from("pong");
/** Up to here a group's bodies go to all members: the setting `fanout_write_max` as it comes. */
const WRITE_MAX = 100;
const ANSWERED_WITHIN_MS = 20_000;

export function confab(options: ConfabOptions): Dialect {
  const history = new History(options);
  return {
    alike: true,
    connect: (user) => connect(options, user),
    async createGroup(creator, members) {
      const response = await fetch(`${options.url}/v1/conversations`, {
        method: "POST",
        headers: { Authorization: `Bearer ${await options.tokens.of(creator)}`, "Content-Type": "application/json" },
        body: JSON.stringify({ kind: "group", title: "bench", members }),
      });
      if (response.status !== 201) throw new Error(`creating the group was answered ${response.status}: ${await response.text()}`);
      return ((await response.json()) as { conversation_id: string }).conversation_id;
    },
    // Smaller groups' bodies go to everybody.
    enter: async (device, conversationId, members) => (members > WRITE_MAX ? (device as ConfabDevice).open(conversationId) : undefined),
    catchUp: (user, cursor) => history.catchUp(user, cursor),
  };
}

/** Greeted: the server's first message is its `hello`. */
async function dial(options: ConfabOptions, user: string): Promise<WebSocket> {
  return (await greeted(options, user)).socket;
}

export async function greeted({ url, tokens, wire }: ConfabOptions, user: string): Promise<{ socket: WebSocket; hello: Buffer }> {
  const token = await tokens.of(user);
  const socket = new WebSocket(`${url.replace(/^http/, "ws")}/v1/ws?device_id=bench`, wire.subprotocols, {
    headers: { Authorization: `Bearer ${token}` }, perMessageDeflate: false, skipUTF8Validation: true,
  });
  const [hello] = (await once(socket, "message")) as [Buffer];
  return { socket, hello };
}

async function connect(options: ConfabOptions, user: string): Promise<Device> {
  return new ConfabDevice(user, await dial(options, user), options);
}

/** @throws on an error frame and a `sync_required` */
export function seenIn(frame: Frame): Seen[] {
  const { type, client_msg_id, conversation_id, seq, code, message } = frame;
  if (type === "error" || type === "sync_required") throw new Error(`the server says ${code ?? type}${message === undefined ? "" : `: ${message}`}`);
  return (type === "ack" || type === "msg") ? [{ key: client_msg_id, ack: type === "ack", conversation_id, seq }] : [];
}

class ConfabDevice implements Device {
  readonly user: string;
  readonly acknowledge?: (conversationId: string, seq: number) => number;
  private readonly socket: WebSocket;
  private readonly wire: Wire;
  private readonly beat: ReturnType<typeof setInterval>;

  constructor(user: string, socket: WebSocket, { wire, receipts }: ConfabOptions) {
    this.user = user;
    this.socket = socket;
    this.wire = wire;
    this.beat = setInterval(() => socket.send("ping"), PING_MS);
    socket.on("close", () => clearInterval(this.beat));
    if (!receipts) return;
    this.acknowledge = (conversation_id, up_to_seq) => this.write(["DELIVERED", "READ"].map((status) => ({ type: "receipt", conversation_id, up_to_seq, status })));
  }

  post(address: Address, keys: readonly string[], content: string): number {
    return this.write(keys.map((client_msg_id) => ({ type: "msg", client_msg_id, content, ...address })));
  }

  read(unit: Buffer): Seen[] {
    // A `notify` is no frame of an encoding; only who has not opened a large group is told by one.
    if (unit.length === NOTIFY_BYTES && unit[0] === 0) return [];
    return this.wire.decode(unit).flatMap((frame) => seenIn(frame as Frame));
  }

  /** The answer is a `sync_required`, which says how far it is. */
  async open(conversation_id: string): Promise<void> {
    const answered = new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${this.user} got no answer to open`)), ANSWERED_WITHIN_MS);
      this.listen((unit) => {
        if (!unit.includes("sync_required")) return;
        clearTimeout(late);
        resolve();
      }, reject);
    });
    this.write([{ type: "open", conversation_id }]);
    await answered;
  }

  listen(heard: (unit: Buffer) => void, closed: (error: Error) => void): void {
    this.socket.removeAllListeners("message").on("message", (data) => {
      if (!PONG.equals(data as Buffer)) heard(data as Buffer);
    });
    this.socket.removeAllListeners("close").on("close", (code: number) => {
      clearInterval(this.beat);
      closed(new Error(`the socket of ${this.user} was closed with ${code}`));
    });
  }

  async close(): Promise<void> {
    clearInterval(this.beat);
    this.socket.removeAllListeners("message").removeAllListeners("close");
    this.socket.close(1000);
    if (this.socket.readyState !== WebSocket.CLOSED) await once(this.socket, "close");
  }

  private write(frames: readonly object[]): number {
    const unit = this.wire.encode(frames);
    this.socket.send(unit);
    // Everything that is sent here is ASCII.
    return unit.length;
  }
}
