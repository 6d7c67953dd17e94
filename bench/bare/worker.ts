// The bare figure: two classes of objects that only insert and deliver, behind the routes that the generator uses. Everything
// else that the product does (tokens, validation, duplicates, membership, settling, sealing) is what a ratio to this shows.
import { DurableObject } from "cloudflare:workers";

interface Env {
  CONVERSATION: DurableObjectNamespace<Conversation>;
  USER_SESSION: DurableObjectNamespace<UserSession>;
}

interface Message {
  client_msg_id: string;
  content: string;
  to?: string;
  conversation_id?: string;
}

interface Resume {
  cursors: Record<string, { seq: number }>;
}

interface Ack {
  type: "ack";
  client_msg_id: string;
  msg_id: string;
  conversation_id: string;
  epoch: number;
  seq: number;
  status: "SENT";
  sent_at: number;
}

let rowsWritten = 0;

/** One user's hibernating sockets. */
export class UserSession extends DurableObject<Env> {
  private readonly sockets = new Set<WebSocket>(this.ctx.getWebSockets());
  private readonly conversations = new Map<string, DurableObjectStub<Conversation>>();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
  }

  override async fetch(): Promise<Response> {
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    this.sockets.add(server);
    server.send(JSON.stringify({ type: "hello", user_id: this.ctx.id.name }));
    return new Response(null, { status: 101, webSocket: client });
  }

  /** All frames of one text are for one conversation. */
  override async webSocketMessage(ws: WebSocket, text: string): Promise<void> {
    const parsed = JSON.parse(text) as Message | Message[] | Resume | { type: "open" };
    if ("type" in parsed && parsed.type === "open") {
      ws.send(JSON.stringify({ type: "sync_required" }));
      return;
    }
    if ("cursors" in parsed) {
      for (const [id, { seq }] of Object.entries(parsed.cursors)) ws.send(await this.env.CONVERSATION.getByName(id).after(seq));
      return;
    }
    const messages = (Array.isArray(parsed) ? parsed : [parsed]) as Message[];
    const { to, conversation_id } = messages[0] as Message;
    const sender = this.ctx.id.name as string;
    const pair = to === undefined ? null : [sender, to].toSorted();
    const id = pair === null ? (conversation_id as string) : `d.${pair.join(".")}`;
    const stub = this.conversations.get(id) ?? this.env.CONVERSATION.getByName(id);
    this.conversations.set(id, stub);
    const acks = await stub.append(sender, pair, messages);
    ws.send(JSON.stringify(acks.length === 1 ? acks[0] : acks));
  }

  override async webSocketClose(ws: WebSocket): Promise<void> {
    this.sockets.delete(ws);
    ws.close(1000);
  }

  async deliver(text: string): Promise<void> {
    for (const ws of this.sockets) ws.send(text);
  }
}

/** One conversation's order. */
export class Conversation extends DurableObject<Env> {
  private readonly sessions = new Map<string, DurableObjectStub<UserSession>>();
  private members: string[] = [];
  private seq = 0;
  private pending: { sender: string; json: string }[] = [];
  private draining = false;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.run(`CREATE TABLE IF NOT EXISTS events (
      seq INTEGER PRIMARY KEY, msg_id TEXT NOT NULL, msg_no INTEGER NOT NULL, type TEXT NOT NULL, sender_id TEXT NOT NULL,
      client_msg_id TEXT, device_id TEXT, content_type TEXT, body TEXT, salt BLOB) STRICT`);
    this.run("CREATE UNIQUE INDEX IF NOT EXISTS events_by_key ON events (sender_id, client_msg_id)");
    this.run("CREATE TABLE IF NOT EXISTS members (user_id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID");
    this.members = this.run("SELECT user_id FROM members").map((row) => row["user_id"] as string);
    this.seq = (this.run("SELECT max(seq) AS seq FROM events")[0]?.["seq"] as number | null) ?? 0;
  }

  async create(members: readonly string[]): Promise<void> {
    for (const member of members) this.run("INSERT INTO members (user_id) VALUES (?)", member);
    this.members = [...members];
  }

  /** Every message is a row and an entry of a unique index; the acknowledgements wait for the commit. */
  async append(sender: string, pair: string[] | null, messages: Message[]): Promise<Ack[]> {
    if (this.members.length === 0 && pair !== null) await this.create(pair);
    const conversation_id = this.ctx.id.name as string;
    const sent_at = Date.now();
    const acks = messages.map(({ client_msg_id, content }): Ack => {
      this.seq += 1;
      const msg_id = crypto.randomUUID();
      const body = JSON.stringify({ content, content_type: "text" });
      this.run(
        "INSERT INTO events (seq, msg_id, msg_no, type, sender_id, client_msg_id, device_id, content_type, body, salt) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        this.seq, msg_id, this.seq, "msg", sender, client_msg_id, "bench", "text", body, crypto.getRandomValues(new Uint8Array(16)),
      );
      const placed = { client_msg_id, msg_id, conversation_id, epoch: 1, seq: this.seq, sent_at };
      this.pending.push({ sender, json: JSON.stringify({ type: "msg", ...placed, sender_id: sender, msg_no: this.seq, content, content_type: "text" }) });
      return { type: "ack", ...placed, status: "SENT" };
    });
    if (!this.draining) void this.drain();
    return acks;
  }

  /** Everything since then as one text. */
  async after(seq: number): Promise<string> {
    const conversation_id = this.ctx.id.name as string;
    const rows = this.run("SELECT seq, msg_id, sender_id, client_msg_id, body FROM events WHERE seq > ? ORDER BY seq", seq);
    return `[${rows.map(({ body, ...row }) => JSON.stringify({ type: "msg", conversation_id, epoch: 1, ...row, ...(JSON.parse(body as string) as object) })).join(",")}]`;
  }

  /** One call per session and batch; what comes in meanwhile rides in the next one. */
  private async drain(): Promise<void> {
    this.draining = true;
    while (this.pending.length > 0) {
      const batch = this.pending;
      this.pending = [];
      const all = textOf(batch);
      const senders = new Set(batch.map((event) => event.sender));
      await Promise.all(this.members.flatMap((member) => {
        const text = senders.has(member) ? textOf(batch.filter((event) => event.sender !== member)) : all;
        return text === "[]" ? [] : [this.session(member).deliver(text)];
      }));
    }
    this.draining = false;
  }

  private session(member: string): DurableObjectStub<UserSession> {
    const stub = this.sessions.get(member) ?? this.env.USER_SESSION.getByName(member);
    this.sessions.set(member, stub);
    return stub;
  }

  private run(query: string, ...bindings: (string | number | Uint8Array)[]): Record<string, SqlStorageValue>[] {
    const cursor = this.ctx.storage.sql.exec(query, ...bindings);
    const rows = cursor.toArray();
    rowsWritten += cursor.rowsWritten;
    return rows;
  }
}

/** The launcher binds it; nothing here uses it. */
export class Settings extends DurableObject<Env> {}

function textOf(batch: readonly { json: string }[]): string {
  return batch.length === 1 ? (batch[0] as { json: string }).json : `[${batch.map((event) => event.json).join(",")}]`;
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname } = new URL(request.url);
    const caller = request.headers.get("Authorization")?.slice("Bearer ".length) ?? "";
    switch (`${request.method} ${pathname}`) {
      case "GET /v1/ws":
        return env.USER_SESSION.getByName(caller).fetch(request);
      case "POST /dev/token":
        return Response.json({ token: (await request.json<{ user_id: string }>()).user_id });
      case "POST /v1/conversations": {
        const conversation_id = `g.${crypto.randomUUID()}`;
        await env.CONVERSATION.getByName(conversation_id).create([caller, ...(await request.json<{ members: string[] }>()).members]);
        return Response.json({ conversation_id }, { status: 201 });
      }
      case "GET /v1/admin/metrics":
        return Response.json({ rows_written: rowsWritten });
      default:
        return pathname === "/v1/health" ? Response.json({ ok: true }) : new Response(null, { status: 404 });
    }
  },
};
