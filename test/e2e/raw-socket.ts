// A WebSocket with nothing of the client library: frames go out as they are given and come in as they were sent.
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import WebSocket from "ws";
import { decodeBinaryDown, encodeBinaryUp } from "../../protocol/codec-protobuf.ts";
import { type Encoding, SUBPROTOCOLS } from "../../protocol/encodings.ts";
import { NOTIFY_BYTES } from "../../protocol/frames/notify.ts";

/** A received frame. `type` says which; an array of frames is taken apart. */
export interface Frame {
  readonly type: string;
  readonly [field: string]: unknown;
}

export interface SocketOptions {
  /** Goes into `Authorization`. */
  readonly token?: string;
  readonly device_id?: string;
  /** Default: what `speak` said last, and JSON at first. */
  readonly encoding?: Encoding;
  /** Default: the encoding's subprotocol. */
  readonly protocols?: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
  /** Acknowledges every text's events as delivered, as a client does: for what gets more than its credit. Default: nothing is. */
  readonly receipts?: boolean;
  /** Pings only when it is told to. Default: it does by itself, as a client does, and nothing is seen of that. */
  readonly silent?: boolean;
  /** Replaces path and query. */
  readonly path?: string;
}

export interface Closed {
  readonly code: number;
  readonly reason: string;
}

export type Match = ((frame: Frame) => boolean) | Readonly<Record<string, unknown>>;

interface Waiter {
  readonly matches: (frame: Frame) => boolean;
  readonly found: (frame: Frame) => void;
}

const WAIT_MS = 15_000;
const PING_MS = 10_000;

let spoken: Encoding = "json";

/** What sockets speak from here on that are not told otherwise: for suites that run once with each encoding. */
export function speak(encoding: Encoding): void {
  spoken = encoding;
}


/** @param wsUrl ws://…, without a path */
function dial(wsUrl: string, options: SocketOptions): WebSocket {
  const query = options.device_id === undefined ? "" : `?device_id=${encodeURIComponent(options.device_id)}`;
  const authorization = options.token === undefined ? {} : { authorization: `Bearer ${options.token}` };
  return new WebSocket(wsUrl + (options.path ?? `/v1/ws${query}`), [...(options.protocols ?? [SUBPROTOCOLS[options.encoding ?? spoken]])], {
    headers: { ...authorization, ...options.headers },
    perMessageDeflate: false,
  });
}

/** The HTTP answer of an upgrade that is refused; rejects when it is not. */
export async function refusedUpgrade(wsUrl: string, options: SocketOptions = {}): Promise<{ status: number; code: string }> {
  const ws = dial(wsUrl, options);
  return new Promise((resolve, reject) => {
    ws.on("error", reject);
    ws.on("open", () => {
      ws.terminate();
      reject(new Error("the upgrade was not refused"));
    });
    ws.on("unexpected-response", (_request, response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        const body = JSON.parse(text) as { error: { code: string } };
        resolve({ status: response.statusCode ?? 0, code: body.error.code });
      });
    });
  });
}

export class RawSocket {
  /** Every frame so far, in order. */
  readonly frames: Frame[] = [];
  /** Every text message so far, as it came. */
  readonly texts: string[] = [];
  /** Every binary message so far. */
  readonly messages: Buffer[] = [];
  readonly closed: Promise<Closed>;
  readonly #ws: WebSocket;
  readonly #receipts: boolean;
  readonly #waiters = new Set<Waiter>();
  readonly #taken = new Set<Frame>();
  #end: Closed | null = null;
  /** Its own pings that are not answered yet. */
  #pings = 0;

  /** Resolves at `hello`; rejects when the upgrade is refused. */
  static async open(wsUrl: string, options: SocketOptions): Promise<RawSocket> {
    const ws = dial(wsUrl, options);
    const socket = new RawSocket(ws, options);
    await once(ws, "open");
    ws.on("error", () => undefined);
    await socket.take({ type: "hello" });
    return socket;
  }

  private constructor(ws: WebSocket, { receipts = false, silent = false }: SocketOptions) {
    this.#ws = ws;
    this.#receipts = receipts;
    const beat = silent ? null : setInterval(() => this.#ping(), PING_MS);
    ws.on("close", () => clearInterval(beat ?? undefined));
    ws.on("message", (data: Buffer, binary) => this.#received(data, binary));
    this.closed = new Promise((resolve) => {
      ws.on("close", (code, reason) => {
        this.#end = { code, reason: reason.toString() };
        resolve(this.#end);
      });
    });
  }

  get hello(): Frame {
    return this.frames[0] as Frame;
  }

  get subprotocol(): string {
    return this.#ws.protocol;
  }

  get encoding(): Encoding {
    return this.#ws.protocol === SUBPROTOCOLS.pb ? "pb" : "json";
  }

  get open(): boolean {
    return this.#ws.readyState === WebSocket.OPEN;
  }

  /** A frame or an array of frames, in this socket's encoding. */
  send(frames: object): void {
    if (this.encoding === "json") this.#ws.send(JSON.stringify(frames));
    else this.#ws.send(encodeBinaryUp(Array.isArray(frames) ? frames : [frames]));
  }

  sendText(text: string): void {
    this.#ws.send(text);
  }

  /** Bytes as they are: also invalid UTF-8 in a text message, and parts of a fragmented one. */
  sendBytes(bytes: Uint8Array, how: { binary?: boolean; fin?: boolean; mask?: boolean } = {}): void {
    this.#ws.send(bytes, { binary: false, ...how });
  }

  /** The first frame that matches and was not taken before; waits for it. Rejects after 15 s or when the socket closes. */
  take(match: Match): Promise<Frame> {
    const matches = matcher(match);
    const there = this.frames.find((frame) => !this.#taken.has(frame) && matches(frame));
    if (there !== undefined) {
      this.#taken.add(there);
      return Promise.resolve(there);
    }
    return new Promise((resolve, reject) => {
      const wanted = typeof match === "function" ? String(match) : JSON.stringify(match);
      const fail = (why: string): void => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        reject(new Error(`${why} while waiting for ${wanted}; received ${JSON.stringify(this.frames).slice(0, 2_000)}`));
      };
      const timer = setTimeout(() => fail("nothing came"), WAIT_MS);
      const waiter: Waiter = {
        matches,
        found: (frame) => {
          clearTimeout(timer);
          this.#waiters.delete(waiter);
          resolve(frame);
        },
      };
      this.#waiters.add(waiter);
      void this.closed.then(({ code, reason }) => {
        if (this.#waiters.has(waiter)) fail(`closed with ${code} ${reason}`);
      });
    });
  }

  /** Sends a frame with a client_msg_id and waits for its ack or error. */
  ask(frame: Readonly<Record<string, unknown>>): Promise<Frame> {
    const answer = this.take((given) => (given.type === "ack" || given.type === "error") && given["client_msg_id"] === frame["client_msg_id"]);
    this.send(frame);
    return answer;
  }

  /** Sends a text that is no valid frame and waits for the error. */
  refused(text: string): Promise<Frame> {
    const answer = this.take({ type: "error" });
    this.#ws.send(text);
    return answer;
  }

  /** Closes it as a client does; resolves with what the server answered. */
  async close(code = 1000): Promise<Closed> {
    this.#ws.close(code);
    return this.closed;
  }

  /**
   * The server's close, as soon as its frame is there: the runtime ends the connection ten seconds later, and only that is
   * an event. Rejects after 15 s.
   */
  async closing(): Promise<Closed> {
    for (const deadline = Date.now() + WAIT_MS; this.open;) {
      if (Date.now() > deadline) throw new Error("it stays open");
      await delay(5);
    }
    this.#ws.terminate();
    return this.closed;
  }

  /** Cuts it without a word. */
  cut(): void {
    this.#ws.terminate();
  }

  #ping(): void {
    if (!this.open) return;
    this.#pings += 1;
    this.#ws.send("ping");
  }

  #received(data: Buffer, binary: boolean): void {
    if (binary) {
      this.messages.push(data);
      if (this.encoding === "json" || (data[0] === 0 && data.byteLength === NOTIFY_BYTES)) this.#give({ type: "binary", bytes: data });
      else this.#giveAll(decodeBinaryDown(data));
      return;
    }
    const text = data.toString();
    if (text === "pong" && this.#pings > 0) {
      this.#pings -= 1;
      return;
    }
    this.texts.push(text);
    if (text === "pong") {
      this.#give({ type: "pong" });
      return;
    }
    const parsed = JSON.parse(text) as Frame | Frame[];
    this.#giveAll(Array.isArray(parsed) ? parsed : [parsed]);
  }

  #giveAll(frames: readonly Frame[]): void {
    const newest = new Map<string, number>();
    for (const frame of frames) {
      if (isEvent(frame)) newest.set(frame["conversation_id"] as string, frame["seq"] as number);
      this.#give(frame);
    }
    if (!this.#receipts || newest.size === 0 || !this.open) return;
    this.send([...newest].map(([conversation_id, up_to_seq]) => ({ type: "receipt", conversation_id, up_to_seq, status: "DELIVERED" })));
  }

  #give(frame: Frame): void {
    this.frames.push(frame);
    for (const waiter of this.#waiters) {
      if (!waiter.matches(frame)) continue;
      this.#taken.add(frame);
      waiter.found(frame);
      return;
    }
  }
}

/** Of what has a seq, neither acknowledgements nor statuses are events. */
export function isEvent(frame: Frame): boolean {
  return typeof frame["seq"] === "number" && frame.type !== "ack" && frame.type !== "status";
}

function matcher(match: Match): (frame: Frame) => boolean {
  if (typeof match === "function") return match;
  const wanted = Object.entries(match);
  return (frame) => wanted.every(([field, value]) => frame[field] === value);
}
