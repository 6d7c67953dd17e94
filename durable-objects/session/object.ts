// The UserSession object: one user's sockets and all that is theirs. Never decides order. Every method decodes, decides,
// commits and only then acts.
import { DurableObject } from "cloudflare:workers";
import { type Bucket, decideAdmission } from "../../domain/rate-limit.ts";
import { errorFields, log } from "../../log/log.ts";
import { decodeFrames, errorFrame } from "../../protocol/codec-json.ts";
import { ChatError, CLOSE, errorBody } from "../../protocol/errors.ts";
import type { DownFrame } from "../../protocol/frames/down.ts";
import type { AckFrame, Draft } from "../../protocol/frames/msg.ts";
import type { Cursor, HelloFrame } from "../../protocol/frames/sync.ts";
import type { UpFrame } from "../../protocol/frames/up.ts";
import { directPair, directPairBytes } from "../../protocol/ids.ts";
import { CONTENT_BYTES, FRAME_BYTES, FRAMES_PER_ARRAY, PAGE_MAX } from "../../protocol/limits.ts";
import type { ConversationList } from "../../protocol/rest.ts";
import type { AppendAnswer, AppendItem, Claims, ConversationCalls, DeliverCall, DeliverReply, Result, SessionCalls } from "../../protocol/rpc.ts";
import { conversationOf, type Env, sessionOf } from "../platform/env.ts";
import { sha256Hex } from "../platform/hash.ts";
import { count } from "../platform/metrics.ts";
import { objectSql } from "../platform/object-sql.ts";
import { checkToken, expired } from "../platform/tokens.ts";
import { currentSettings, loadSettings } from "../settings/current.ts";
import { again } from "./again.ts";
import { Answers } from "./answers.ts";
import { Heads, listConversations, settledRow } from "./inbox.ts";
import { Lanes } from "./lanes.ts";
import { resumeDevice } from "./resume.ts";
import { type Attachment, Sockets } from "./sockets.ts";
import { SessionStore } from "./store.ts";
import { readUpgrade } from "./upgrade.ts";

/** A conversation may be busy this long after its last settle was due: it must learn at once that this session is live. */
const BUSY_MS = 10_000;
const HEARTBEAT = { interval_ms: 10_000, ttl_ms: 30_000 };

export class UserSession extends DurableObject<Env> implements SessionCalls {
  private readonly store: SessionStore;
  private readonly sockets: Sockets;
  private readonly lanes: Lanes;
  private readonly stubs = new Map<string, ReturnType<typeof conversationOf>>();
  private readonly directIds = new Map<string, string>();
  /** From the row once there is one: not every event that wakes an object brings its name along. */
  private userId: string;
  private readonly heads = new Heads();
  private gen = 0;
  private userSeq = 0;
  private isRegistered = false;
  private bucket: Bucket | null = null;
  /** Upgrades have a bucket of their own: who connects may send a whole burst at once. */
  private connects: Bucket | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.userId = ctx.id.name ?? "";
    this.store = new SessionStore(objectSql(ctx.storage, (rows) => count("rows_written", rows)));
    this.sockets = new Sockets(ctx);
    this.lanes = new Lanes({
      userId: () => this.userId,
      append: (conversationId, call) => this.through(conversationId, (stub) => stub.append(call)),
      registered: (userId) => sessionOf(env, userId).registered(),
      alone: (deviceIds) => this.sockets.onlyDevice(deviceIds),
    });
    count("wakes_session");
    // Answered by the runtime: a ping neither wakes this object nor keeps it awake.
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
    void ctx.blockConcurrencyWhile(async () => {
      await loadSettings(env);
      if (this.store.exists()) this.open();
    });
  }

  /** The upgrade of a socket, already authorized by the Worker. */
  override async fetch(request: Request): Promise<Response> {
    const upgrade = readUpgrade(request);
    if (upgrade === null) return new Response(null, { status: 400 });
    const now = Date.now();
    const { rate_limit, rate_burst } = currentSettings(this.env);
    const admission = decideAdmission(this.connects, { rate: rate_limit, burst: rate_burst }, now);
    this.connects = admission.bucket;
    if (!admission.ok) return tooMany(admission.retry_after_ms);
    await this.register(this.userId);
    const { 0: client, 1: server } = new WebSocketPair();
    if (this.sockets.size === 0) {
      this.gen += 1;
      this.store.commitGen(this.gen);
      this.attach(now);
    }
    this.sockets.accept(server, { v: 1, user_id: this.userId, device_id: upgrade.device_id, exp: upgrade.exp, connected_at: now });
    const hello: HelloFrame = {
      type: "hello", user_id: this.userId, device_id: upgrade.device_id, heartbeat: HEARTBEAT, user_seq: this.userSeq,
      limits: { content_bytes: CONTENT_BYTES, frame_bytes: FRAME_BYTES, page: PAGE_MAX, frames_per_array: FRAMES_PER_ARRAY },
      server_time: now,
    };
    this.sockets.send(server, [hello], now);
    log("info", "socket_opened", { user_id: this.userId, device_id: upgrade.device_id, gen: this.gen });
    return new Response(null, {
      status: 101, webSocket: client,
      headers: upgrade.subprotocol === null ? {} : { "Sec-WebSocket-Protocol": upgrade.subprotocol },
    });
  }

  override async webSocketMessage(ws: WebSocket, message: string | ArrayBuffer): Promise<void> {
    const now = Date.now();
    const attachment = this.sockets.attachment(ws);
    if (attachment === null) return;
    if (expired(attachment.exp, now)) {
      this.sockets.drop(ws, CLOSE.token, "the token has expired");
      return;
    }
    if (typeof message !== "string") {
      const admission = this.charge(1);
      const error = admission.ok
        ? errorFrame("bad_frame", { message: "binary on a JSON socket" })
        : errorFrame("rate_limited", { retry_after_ms: admission.retry_after_ms });
      this.sockets.send(ws, [error], now);
      return;
    }
    const decoded = decodeFrames(message);
    count("frames_in", decoded.length);
    const answers = new Answers(decoded.length, (frames) => this.sockets.send(ws, frames, Date.now()));
    decoded.forEach((item, i) => {
      const fill = (frame: DownFrame | null) => answers.fill(i, frame);
      const key = (item.ok ? item.frame : item.error) as { client_msg_id?: string };
      const admission = this.charge(1);
      if (!admission.ok) fill(errorFrame("rate_limited", { retry_after_ms: admission.retry_after_ms }, key.client_msg_id === undefined ? {} : { client_msg_id: key.client_msg_id }));
      else if (!item.ok) fill(item.error);
      else this.handle(ws, attachment, item.frame, fill);
    });
  }

  override async webSocketClose(ws: WebSocket, code: number, reason: string): Promise<void> {
    this.sockets.drop(ws, code, reason);
  }

  override async webSocketError(ws: WebSocket): Promise<void> {
    this.sockets.drop(ws, 1000, "");
  }

  async deliver(call: DeliverCall): Promise<DeliverReply> {
    const now = Date.now();
    this.sockets.push(call.events, call.own, now);
    this.heads.heard(call.conversation_id, { head_seq: call.head_seq, head_msg_no: call.head_msg_no, last_at: call.head_at });
    if (call.settle) {
      if (!this.isRegistered) await this.register(this.userId);
      const row = settledRow(this.store.readInbox(call.conversation_id), call, this.userId, this.userSeq, now);
      if (row !== null) {
        this.store.commitInbox(row);
        this.userSeq = row.user_seq;
      }
    }
    return { gen: this.gen, live: this.sockets.size > 0 };
  }

  async admit(claims: Claims, cost: number): Promise<Result<object>> {
    await this.register(claims.user_id);
    const admission = this.charge(cost);
    return admission.ok ? { ok: true } : { ok: false, code: "rate_limited", retry_after_ms: admission.retry_after_ms };
  }

  async send(claims: Claims, draft: Draft): Promise<Result<{ ack: AckFrame }>> {
    const admitted = await this.admit(claims, 1);
    if (!admitted.ok) return admitted;
    return new Promise((resolve) => {
      this.append(draft, null, resolve);
    });
  }

  async conversations(call: { cursor: string | null; limit: number }): Promise<Result<{ list: ConversationList }>> {
    return listConversations(this.store, this.userId, this.heads, call.cursor, call.limit);
  }

  async register(userId: string): Promise<void> {
    if (this.isRegistered) return;
    this.store.commitRegistered(userId, Date.now());
    this.open();
  }

  async registered(): Promise<boolean> {
    return this.isRegistered;
  }

  private open(): void {
    this.store.migrate();
    const session = this.store.readSession();
    if (session === null) return;
    this.userId = session.user_id;
    this.gen = session.gen;
    this.userSeq = this.store.readUserSeq();
    this.isRegistered = true;
  }

  private charge(cost: number) {
    const { rate_limit, rate_burst } = currentSettings(this.env);
    const admission = decideAdmission(this.bucket, { rate: rate_limit, burst: rate_burst }, Date.now(), cost);
    this.bucket = admission.bucket;
    if (!admission.ok) count("rate_limited");
    return admission;
  }

  private handle(ws: WebSocket, attachment: Attachment, frame: UpFrame, fill: (frame: DownFrame | null) => void): void {
    switch (frame.type) {
      case "msg":
        this.append(frame, attachment.device_id, (answer) => fill(answerFrame(frame, answer)));
        break;
      case "resume":
        fill(null);
        this.background(ws, "resume", resumeDevice(this.store, frame, Date.now(), {
          resume: (conversationId, cursor, limit) => this.resumed(conversationId, cursor, limit),
          isStale: (row) => this.lanes.busy(row.conversation_id) || this.heads.over(row).settled_seq > row.settled_seq,
          write: (text) => this.sockets.write(ws, text, Date.now()),
          send: (frames) => this.sockets.send(ws, frames, Date.now()),
        }));
        break;
      case "auth_refresh":
        this.background(ws, "auth_refresh", this.refresh(ws, frame.token).then(fill));
        break;
    }
  }

  private async resumed(conversationId: string, cursor: Cursor, limit: number): ReturnType<ConversationCalls["resume"]> {
    const known = this.heads.has(conversationId) || this.store.readInbox(conversationId) !== null;
    // Asking wakes an object: without a price for strangers' ones, a frame would wake a thousand.
    const admission = known ? null : this.charge(1);
    if (admission?.ok === false) return { ok: false, code: "rate_limited", retry_after_ms: admission.retry_after_ms };
    try {
      const reply = await again(() => this.through(conversationId, (stub) => stub.resume({ user_id: this.userId, cursor, limit })));
      if (reply.ok && !known) this.heads.heard(conversationId, { head_seq: reply.head.head_seq, head_msg_no: 0, last_at: 0 });
      return reply;
    } catch (error) {
      log("warn", "resume_failed", { user_id: this.userId, conversation_id: conversationId, ...errorFields(error) });
      return { ok: false, code: "unavailable", retry_after_ms: 1_000 };
    }
  }

  /** A socket lives on with a newer token of the same user. */
  private async refresh(ws: WebSocket, token: string): Promise<DownFrame | null> {
    try {
      const checked = await checkToken(this.env, token);
      const attachment = this.sockets.attachment(ws);
      if (checked.user_id !== this.userId || checked.scope !== "user") return errorFrame("unauthorized");
      if (attachment !== null) this.sockets.keep(ws, { ...attachment, exp: checked.exp });
      return null;
    } catch (error) {
      if (error instanceof ChatError) return errorFrame(error.code);
      throw error;
    }
  }

  private append(draft: Draft, deviceId: string | null, answer: (answer: AppendAnswer) => void): void {
    if (draft.media_key !== undefined) {
      answer({ ok: false, code: "media_unavailable" });
      return;
    }
    const item: AppendItem = { client_msg_id: draft.client_msg_id, device_id: deviceId, content: draft.content, content_type: draft.content_type };
    const answered = (given: AppendAnswer) => {
      if (given.ok) this.heads.heard(given.ack.conversation_id, { head_seq: given.ack.seq, head_msg_no: 0, last_at: given.ack.sent_at });
      answer(given);
    };
    if (draft.to === undefined) this.lanes.add(draft.conversation_id as string, null, item, answered);
    else this.lanes.add(this.directId(draft.to), directPair(this.userId, draft.to), item, answered);
  }

  private directId(peer: string): string {
    const known = this.directIds.get(peer);
    if (known !== undefined) return known;
    const id = `d.${sha256Hex(directPairBytes(this.userId, peer))}`;
    this.directIds.set(peer, id);
    return id;
  }

  private attach(now: number): void {
    const { settle_after_ms } = currentSettings(this.env);
    for (const row of this.store.readSettledAfter(now - settle_after_ms - BUSY_MS)) {
      const call = { user_id: this.userId, gen: this.gen };
      // A lost attach costs at most the time until the conversation settles.
      this.through(row.conversation_id, (stub) => stub.attach(call)).catch((error: unknown) => {
        log("warn", "attach_failed", { user_id: this.userId, conversation_id: row.conversation_id, ...errorFields(error) });
      });
    }
  }

  private background(ws: WebSocket, what: string, work: Promise<void>): void {
    work.catch((error: unknown) => {
      log("error", `${what}_failed`, { user_id: this.userId, ...errorFields(error) });
      this.sockets.send(ws, [errorFrame("unavailable", { retry_after_ms: 1_000 })], Date.now());
    });
  }

  /** One stub per conversation keeps calls in order; it is broken for good after an exception. */
  private async through<T>(conversationId: string, call: (stub: ReturnType<typeof conversationOf>) => Promise<T>): Promise<T> {
    const stub = this.stubs.get(conversationId) ?? conversationOf(this.env, conversationId);
    this.stubs.set(conversationId, stub);
    try {
      return await call(stub);
    } catch (error) {
      this.stubs.delete(conversationId);
      throw error;
    }
  }
}

function tooMany(retry_after_ms: number): Response {
  count("rate_limited");
  return Response.json({ error: errorBody("rate_limited", { retry_after_ms }) }, { status: 429, headers: { "Retry-After": String(Math.ceil(retry_after_ms / 1_000)) } });
}

function answerFrame(draft: Draft, answer: AppendAnswer): DownFrame {
  if (answer.ok) return answer.ack;
  const { code, retry_after_ms, message } = answer;
  const detail = { ...(message === undefined ? {} : { message }), ...(retry_after_ms === undefined ? {} : { retry_after_ms }) };
  const named = draft.conversation_id === undefined ? {} : { conversation_id: draft.conversation_id };
  return errorFrame(code, detail, { client_msg_id: draft.client_msg_id, ...named });
}
