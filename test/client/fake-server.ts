// The fake chat behind real sockets and HTTP, with switches for what a network and a server do wrong.
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import { errorBody, type ErrorCode, ERRORS } from "../../protocol/errors.ts";
import { type FakeConversation, FakeChat, type FakeEvent } from "./fake-chat.ts";

export interface UpFrame {
  type: string;
  client_msg_id?: string;
  to?: string;
  conversation_id?: string;
  content?: string;
  cursors?: Record<string, { epoch: number; seq: number }>;
  [field: string]: unknown;
}

export class FakeServer {
  readonly chat = new FakeChat();
  /** Every frame that came, by text message. */
  readonly texts: UpFrame[][] = [];
  /** `GET /v1/…?…` */
  readonly requests: string[] = [];
  readonly tokens: string[] = [];
  upgrades = 0;
  pings = 0;
  /** An answer instead of the usual one; "lost": none, and nothing happens; null: as usual. */
  onUp: (frame: UpFrame) => object | "lost" | null = () => null;
  /** False: the frame is lost on its way. */
  onDown: (user_id: string, frame: { type: string; seq?: number }) => boolean = () => true;
  /** A refusal instead of the usual answer. */
  onRequest: (path: string) => ErrorCode | null = () => null;
  /** The archive is down: events up to this seq can't be read. 0: it is not. */
  unreadable = 0;
  /** A refusal of the upgrade. */
  onUpgrade: (token: string) => ErrorCode | null = () => null;
  pongs = true;
  /** What it greets with; null as a server of before. */
  history_page: number | null = null;
  /** An answer over HTTP is made, and waits for this. */
  beforeAnswer: (path: string) => Promise<void> = () => Promise.resolve();
  /** Pushed by a resume before it names heads instead. */
  resumeEvents = 50;
  readonly #http: Server = createServer((request, response) => this.#answer(request, response));
  readonly #wss = new WebSocketServer({ noServer: true, handleProtocols: () => "chat.v1.json" });
  readonly #sockets = new Map<WebSocket, string>();
  /** Who polls, by user. */
  readonly #polls = new Map<string, { waiting: object[]; user_seq: number; wake: () => void }>();
  #port = 0;

  constructor() {
    this.#http.on("upgrade", (request, socket, head) => {
      this.upgrades++;
      const token = /bearer\.([^,\s]+)/.exec(request.headers["sec-websocket-protocol"] ?? "")?.[1] ?? "";
      const refusal = this.onUpgrade(token);
      if (refusal !== null) {
        socket.end(`HTTP/1.1 ${ERRORS[refusal].http} Refused\r\nContent-Length: 0\r\n\r\n`);
        return;
      }
      this.tokens.push(token);
      this.#wss.handleUpgrade(request, socket, head, (ws) => this.#greet(ws, userOf(token)));
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get open(): number {
    return this.#sockets.size;
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#http.listen(this.#port, "127.0.0.1", resolve));
    this.#port = (this.#http.address() as AddressInfo).port;
    return this;
  }

  /** All connections break; the port stays this server's for another `start`. */
  async stop(): Promise<void> {
    this.cut();
    this.#http.closeAllConnections();
    await new Promise<void>((resolve) => this.#http.close(() => resolve()));
  }

  cut(): void {
    for (const ws of this.#sockets.keys()) ws.terminate();
    this.#sockets.clear();
  }

  /** A frame to every socket of a user. */
  push(user_id: string, ...frames: { type: string; seq?: number }[]): void {
    for (const [ws, owner] of this.#sockets) if (owner === user_id) this.#send(ws, frames);
    const polled = this.#polls.get(user_id);
    if (polled === undefined) return;
    polled.waiting.push(...frames.filter((frame) => this.onDown(user_id, frame)));
    polled.user_seq++;
    polled.wake();
  }

  closeAll(code: number): void {
    for (const ws of this.#sockets.keys()) ws.close(code);
  }

  /** Commits a message and pushes it to the other members. */
  say(conversation_id: string, sender_id: string, content: string): FakeEvent {
    const conversation = this.chat.conversations.get(conversation_id);
    if (conversation === undefined) throw new Error(`no conversation ${conversation_id}`);
    const { event } = this.chat.message(conversation, sender_id, content);
    for (const member of conversation.members) this.push(member, event);
    return event;
  }

  #greet(ws: WebSocket, user_id: string): void {
    this.#sockets.set(ws, user_id);
    ws.on("close", () => this.#sockets.delete(ws));
    ws.on("message", (data) => {
      const text = String(data as Buffer);
      if (text !== "ping") {
        this.#received(ws, user_id, text);
        return;
      }
      this.pings++;
      if (this.pongs) ws.send("pong");
    });
    const limits = { content_bytes: 65_536, frame_bytes: 131_072, page: 100, frames_per_array: 1_000, ...(this.history_page === null ? {} : { history_page: this.history_page }) };
    this.#send(ws, [{ type: "hello", user_id, device_id: "d", heartbeat: { interval_ms: 50, ttl_ms: 150 }, user_seq: 7, limits, server_time: Date.now() } as { type: string }]);
  }

  #received(ws: WebSocket, user_id: string, text: string): void {
    this.#send(ws, this.#answers(user_id, text) as { type: string }[]);
  }

  #answers(user_id: string, text: string): object[] {
    const parsed = JSON.parse(text) as UpFrame | UpFrame[];
    const frames = Array.isArray(parsed) ? parsed : [parsed];
    this.texts.push(frames);
    return frames.flatMap((frame): object[] => {
      const instead = this.onUp(frame);
      if (instead === "lost") return [];
      if (instead !== null) return [instead];
      if (frame.type === "resume") return this.#resume(frame.cursors ?? {});
      return frame.type === "msg" ? [this.#append(user_id, frame)] : [];
    });
  }

  /** What waits for a polling user, or what comes within `wait` ms; and all heads, where the last answer may not have arrived. */
  #polled(user_id: string, since: number, wait: number): Promise<object> {
    const polled = this.#polls.get(user_id) ?? { waiting: [], user_seq: 7, wake: () => undefined };
    this.#polls.set(user_id, polled);
    // An older one that is still held gets its answer, and holds up nothing.
    polled.wake();
    return new Promise((resolve) => {
      const answer = (): void => {
        clearTimeout(timer);
        polled.wake = () => undefined;
        const { user_seq } = polled;
        resolve({ frames: [...polled.waiting.splice(0), ...(since === user_seq ? [] : [this.#heads(user_id)])], user_seq });
      };
      const timer = setTimeout(answer, wait);
      polled.wake = answer;
      if (polled.waiting.length > 0 || since !== polled.user_seq) answer();
    });
  }

  #heads(user_id: string): object {
    const own = [...this.chat.conversations.values()].filter(({ members }) => members.includes(user_id));
    return { type: "sync_required", conversations: own.map(({ conversation_id, epoch, events }) => ({ conversation_id, epoch, head_seq: events.length })) };
  }

  #append(user_id: string, frame: UpFrame): object {
    const { client_msg_id = "", to, content = "", media_key, media, content_type } = frame;
    const conversation = to === undefined ? this.chat.conversations.get(frame.conversation_id ?? "") : this.chat.direct(user_id, to);
    if (conversation === undefined) return { type: "error", ...errorBody("not_found"), client_msg_id };
    const file = media_key === undefined ? {} : { media_key: contentKey(media_key as string), media, content_type };
    const { event, dup } = this.chat.message(conversation, user_id, content, client_msg_id, file);
    if (!dup) for (const member of conversation.members) if (member !== user_id) this.push(member, event);
    const { conversation_id, epoch, seq, sent_at } = event;
    return { type: "ack", client_msg_id, msg_id: event["msg_id"], conversation_id, epoch, seq, status: "SENT", sent_at, ...(dup ? { dup } : {}), ...(media_key === undefined ? {} : { media_key: event["media_key"] }) };
  }

  #resume(cursors: Record<string, { epoch: number; seq: number }>): object[] {
    return Object.entries(cursors).flatMap(([conversation_id, cursor]): object[] => {
      const conversation = this.chat.conversations.get(conversation_id);
      if (conversation === undefined) return [{ type: "error", ...errorBody("not_found"), conversation_id }];
      const { epoch, events } = conversation;
      if (cursor.epoch !== epoch) return [{ type: "error", ...errorBody("epoch_changed"), conversation_id }];
      const missed = events.slice(cursor.seq);
      if (missed.length <= this.resumeEvents) return missed;
      return [...missed.slice(0, this.resumeEvents), { type: "sync_required", conversations: [{ conversation_id, epoch, head_seq: events.length }] }];
    });
  }

  #send(ws: WebSocket, frames: { type: string; seq?: number }[]): void {
    const user_id = this.#sockets.get(ws) ?? "";
    const kept = frames.filter((frame) => this.onDown(user_id, frame));
    if (kept.length > 0) ws.send(JSON.stringify(kept.length === 1 ? kept[0] : kept));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? "", this.url);
    this.requests.push(`${request.method} ${url.pathname}${url.search}`);
    const user_id = userOf((request.headers.authorization ?? "").replace("Bearer ", ""));
    if (url.pathname === "/v1/poll" || url.pathname === "/v1/frames") {
      void this.#transport(request, url, user_id).then((answer) => response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer)));
      return;
    }
    const [, , area, id] = url.pathname.split("/").map(decodeURIComponent);
    const conversation = this.chat.conversations.get(id ?? "");
    const page = area === "history" && conversation !== undefined ? this.#page(conversation, url.searchParams) : null;
    const refusal = this.onRequest(url.pathname) ?? (id !== undefined && conversation === undefined ? "not_found" : page === "archive_unavailable" ? page : null);
    const body = refusal !== null ? { error: errorBody(refusal) }
      : conversation === undefined ? { conversations: this.#rows(user_id), next_cursor: null }
      : page !== null ? page
      : this.chat.detail(conversation);
    const text = JSON.stringify(body);
    void this.beforeAnswer(url.pathname).then(() => response.writeHead(refusal === null ? 200 : ERRORS[refusal].http, { "content-type": "application/json" }).end(text));
  }

  /** As the edge answers: the hot events that a page begins with, or nothing. */
  #page(conversation: FakeConversation, query: URLSearchParams): object | "archive_unavailable" {
    const page = this.chat.history(conversation, query);
    const seam = page.events.findIndex(({ seq }) => seq <= this.unreadable);
    if (seam === -1) return page;
    if (seam === 0) return "archive_unavailable";
    return { events: page.events.slice(0, seam), next_cursor: String(Number(query.get("cursor") ?? 0) + seam), archive_unavailable: true, retry_after_ms: 50 };
  }

  async #transport(request: IncomingMessage, url: URL, user_id: string): Promise<object> {
    if (url.pathname === "/v1/poll") return this.#polled(user_id, Number(url.searchParams.get("user_seq")), Number(url.searchParams.get("wait")));
    let text = "";
    for await (const chunk of request) text += String(chunk as Buffer);
    return { frames: this.#answers(user_id, text) };
  }

  #rows(user_id: string): object[] {
    return [...this.chat.conversations.values()].filter(({ members }) => members.includes(user_id)).map((conversation) => this.chat.row(conversation, user_id));
  }
}

/** An unsigned token that says who and until when. */
export function fakeToken(user_id: string, life_s = 3_600, serial = 0): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "none" })}.${part({ sub: user_id, exp: Math.floor(Date.now() / 1_000) + life_s, serial })}.x`;
}

/** As the server names a content by what was uploaded, or by its own name again. */
export function contentKey(key: string): string {
  return key.startsWith("m/") ? key : `m/${createHash("sha256").update(key).digest("hex")}`;
}

function userOf(token: string): string {
  try {
    return (JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as { sub: string }).sub;
  } catch {
    return "";
  }
}
