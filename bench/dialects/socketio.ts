// What a socket.io client says on its WebSocket, without the client's own work: 0 and 40 greet, 42 is an event, 43 the answer to one.
// An acknowledgement is the answer to `send`, which the server gives once the messages are committed.
import { once } from "node:events";
import WebSocket from "ws";
import { now } from "../generator/clock.ts";
import type { Address, Cursor, Device, Dialect, Seen } from "./dialect.ts";

interface Message {
  client_msg_id: string;
  conversation_id: string;
  seq: number;
}

const ANSWER = /^43(\d+)/;
const EVENT = "42";
const PING = "2";
const PONG = "3";
const WITHIN_MS = 20_000;

export function socketio(url: string): Dialect {
  return {
    alike: true,
    connect: async (user) => new SocketioDevice(user, await dial(url, user)),
    async createGroup(creator, others) {
      const device = new SocketioDevice(creator, await dial(url, creator));
      const [id] = await device.ask("create", others);
      await device.close();
      return id as string;
    },
    // Members are in their group's room from when it is made.
    enter: async () => undefined,
    async catchUp(user, { conversation_id, seq }: Cursor) {
      const device = new SocketioDevice(user, await dial(url, user));
      const [messages] = await device.ask("since", { conversation_id, seq });
      const keys = (messages as Message[]).map(({ client_msg_id }) => client_msg_id);
      const at = now();
      await device.close();
      return { keys, at };
    },
  };
}

async function dial(url: string, user: string): Promise<WebSocket> {
  const socket = new WebSocket(`${url.replace(/^http/, "ws")}/socket.io/?EIO=4&transport=websocket`, { perMessageDeflate: false, skipUTF8Validation: true });
  await once(socket, "message");
  socket.send(`40${JSON.stringify({ token: user })}`);
  const [answer] = (await once(socket, "message")) as [Buffer];
  if (!answer.toString().startsWith("40")) throw new Error(`${user} was refused: ${answer.toString()}`);
  return socket;
}

class SocketioDevice implements Device {
  readonly user: string;
  private readonly socket: WebSocket;
  private ids = 0;

  constructor(user: string, socket: WebSocket) {
    this.user = user;
    this.socket = socket;
    this.listen(() => undefined, () => undefined);
  }

  post(address: Address, keys: readonly string[], content: string): number {
    return this.emit("send", keys.map((client_msg_id) => ({ ...address, client_msg_id, content })));
  }

  read(unit: Buffer): Seen[] {
    const text = unit.toString();
    const answer = ANSWER.exec(text);
    const [messages] = answer === null ? [(JSON.parse(text.slice(EVENT.length)) as [string, Message[]])[1]] : (JSON.parse(text.slice(answer[0].length)) as [Message[]]);
    return messages.map(({ client_msg_id, conversation_id, seq }) => ({ key: client_msg_id, ack: answer !== null, conversation_id, seq }));
  }

  listen(heard: (unit: Buffer) => void, closed: (error: Error) => void): void {
    this.socket.removeAllListeners("message").on("message", (data) => {
      const unit = data as Buffer;
      if (unit.length === 1 && unit.toString() === PING) this.socket.send(PONG);
      else heard(unit);
    });
    this.socket.removeAllListeners("close").on("close", (code: number) => closed(new Error(`the socket of ${this.user} was closed with ${code}`)));
  }

  /** What the server answers. */
  ask(event: string, takes: unknown): Promise<unknown[]> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${event} was not answered`)), WITHIN_MS);
      this.listen((unit) => {
        const answer = ANSWER.exec(unit.toString());
        if (answer === null) return;
        clearTimeout(late);
        resolve(JSON.parse(unit.toString().slice(answer[0].length)) as unknown[]);
      }, reject);
      this.emit(event, takes);
    });
  }

  async close(): Promise<void> {
    this.socket.removeAllListeners("message").removeAllListeners("close");
    this.socket.close(1000);
    if (this.socket.readyState !== WebSocket.CLOSED) await once(this.socket, "close");
  }

  private emit(event: string, takes: unknown): number {
    const text = `${EVENT}${this.ids}${JSON.stringify([event, takes])}`;
    this.ids += 1;
    this.socket.send(text);
    return text.length;
  }
}
