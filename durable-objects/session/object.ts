// The UserSession object: one user's devices and all that is theirs. Never decides order. This file is the way in: every
// method hands over to the part that knows.
import { DurableObject } from "cloudflare:workers";
import { type DecodedFrame, errorFrame } from "../../protocol/codec-json.ts";
import { CLOSE } from "../../protocol/errors.ts";
import type { AckFrame, Draft } from "../../protocol/frames/msg.ts";
import type { ConversationRow } from "../../protocol/frames/inbox.ts";
import type { ChangedConversations, ConversationList, DeviceBody, InboxPatch, QueuedPush, RegisteredDevice } from "../../protocol/rest/inbox.ts";
import type { Claims, DeliverCall, DeliverReply, Quota, Result, SessionCalls, StatusCall } from "../../protocol/rpc.ts";
import type { Presence as PresenceEntry } from "../../protocol/frames/presence.ts";
import type { PresenceAsk, PresenceTold, TypingShown, UserSessions } from "../../protocol/rpc/presence.ts";
import type { FramesCall, PollCall, PollReply, PushCall } from "../../protocol/rpc/inbox.ts";
import type { Searchable, SearchableCall } from "../../protocol/rpc/search.ts";
import type { UploadCalls } from "../../protocol/rpc/media.ts";
import type { UserCalls } from "../../protocol/rpc/users.ts";
import type { SessionErasure } from "../../protocol/rpc/erasure.ts";
import type { SessionExports } from "../../protocol/rpc/exports.ts";
import type { KnownHead } from "../../protocol/restore-calls.ts";
import { directoryOf, type Env, sessionOf } from "../platform/env.ts";
import { count } from "../platform/metrics.ts";
import { objectSql } from "../platform/object-sql.ts";
import { scrubObject } from "../platform/scrub.ts";
import { expired } from "../platform/tokens.ts";
import { loadSettings } from "../settings/current.ts";
import { Answers } from "./answers.ts";
import { Blocks } from "./blocks.ts";
import { Connecting } from "./connecting.ts";
import { Delivering } from "./delivering.ts";
import { eraseUser } from "./erase-user.ts";
import { exportInbox, exportUser } from "./exports.ts";
import { bucketOf, SessionCore } from "./core.ts";
import { decodeMessage } from "./encoding.ts";
import { type Fill, handleFrame, type Handlers, namedIn } from "./frames.ts";
import { Inbox } from "./inbox.ts";
import type { Device } from "./device.ts";
import { Leases } from "./leases.ts";
import { Lines } from "./lines.ts";
import type { ListCall } from "./list.ts";
import { NAMELESS } from "./polls.ts";
import { PostedDevice } from "./posted.ts";
import { Pushes } from "./pushes.ts";
import { Presence, type SessionOf } from "./presence.ts";
import { Receipts } from "./receipts.ts";
import { listSearchable } from "./searching.ts";
import { Sending } from "./sending.ts";
import { Profiles } from "./profile.ts";
import { Quotas } from "./quotas.ts";
import { SessionStore } from "./store.ts";
import { claimCreation } from "./store/creations.ts";
import { PresenceStore } from "./store/presence.ts";
import { readUpgrade } from "./upgrade.ts";
import { Uploads } from "./uploads.ts";
import { Watching } from "./watching.ts";
import { Typing } from "./typing.ts";
import { Viewing } from "./viewing.ts";

export class UserSession extends DurableObject<Env> implements SessionCalls {
  private readonly core: SessionCore;
  private readonly inbox: Inbox;
  private readonly pushQueue: Pushes;
  private readonly sending: Sending;
  private readonly connecting: Connecting;
  private readonly presence: Presence;
  private readonly watching: Watching;
  private readonly receipts: Receipts;
  private readonly viewing: Viewing;
  private readonly typing: Typing;
  private readonly quotas: Quotas;
  private readonly profiles: Profiles;
  private readonly blocks: Blocks;
  private readonly uploads: Uploads;
  private readonly delivering: Delivering;
  private readonly lines: Lines;
  private readonly handlers: Handlers;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.core = new SessionCore(ctx, env, new SessionStore(objectSql(ctx.storage, (rows) => count("rows_written", rows))));
    this.pushQueue = new Pushes(this.core);
    this.inbox = new Inbox(this.core, this.pushQueue);
    this.uploads = new Uploads(this.core, (claims) => this.admit(claims, 1));
    this.sending = new Sending(this.core, this.uploads);
    this.viewing = new Viewing(this.core);
    this.connecting = new Connecting(this.core, this.sending.lanes, new Leases(this.core, this.viewing), (conversationId, marks) => this.receipts.learned(conversationId, marks));
    this.quotas = new Quotas(this.core);
    this.profiles = new Profiles(this.core, this.quotas, (shard) => directoryOf(env, shard));
    this.blocks = new Blocks(this.core);
    this.core.tasks.push(this.profiles.task, this.blocks.task);
    const store = new PresenceStore(this.core.store.sql);
    // An object can't call itself while it waits for the answer.
    const others: SessionOf = (userId) => (userId === this.core.userId ? this : sessionOf(env, userId));
    this.presence = new Presence(this.core, store, others);
    this.watching = new Watching(this.core, store, others);
    this.receipts = new Receipts(this.core, { read: (conversationId, marks, readers) => this.inbox.read(conversationId, marks, readers) });
    this.typing = new Typing(this.core, store);
    this.delivering = new Delivering(this.core, { inbox: this.inbox, pushes: this.pushQueue, receipts: this.receipts, blocks: this.blocks, presence: this.presence });
    this.lines = new Lines(this.core, { take: (call) => void this.delivering.take(call), reply: (conversationId) => this.delivering.reply(conversationId) });
    this.handlers = {
      ...this.sending.handlers, ...this.connecting.handlers, ...this.watching.handlers, ...this.receipts.handlers, ...this.viewing.handlers,
      ...this.typing.handlers,
    };
    count("wakes_session");
    // Answered by the runtime: a ping neither wakes this object nor keeps it awake.
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
    void ctx.blockConcurrencyWhile(async () => {
      await loadSettings(env);
      const exists = this.core.store.exists();
      if (exists) {
        this.core.open();
        this.presence.open();
        this.profiles.open();
        this.blocks.open();
      }
      this.core.wake(ctx.storage, exists ? await ctx.storage.getAlarm() : null);
    });
  }

  override async fetch(request: Request): Promise<Response> {
    const line = this.lines.upgrade(request);
    if (line !== null) return line;
    const upgrade = readUpgrade(request);
    if (upgrade === null) return new Response(null, { status: 400 });
    const response = this.connecting.upgrade(upgrade);
    this.presence.check(Date.now());
    return response;
  }

  override async webSocketMessage(ws: WebSocket, message: string | ArrayBuffer): Promise<void> {
    const now = Date.now();
    const { sockets } = this.core;
    const attachment = sockets.attachment(ws);
    if (attachment === null) return;
    if (expired(attachment.exp, now)) {
      sockets.drop(ws, CLOSE.token, "the token has expired");
      return;
    }
    sockets.heard(ws, now);
    const device = sockets.device(ws, attachment);
    const decoded = decodeMessage(attachment.encoding, message);
    this.take(device, decoded, new Answers(decoded.length, (frames) => device.send(frames)));
  }

  /** Frames of a device, each answered for itself. */
  private take(device: Device, decoded: readonly DecodedFrame[], answers: Answers): void {
    count("frames_in", decoded.length);
    decoded.forEach((item, i) => {
      const fill: Fill = (frame) => answers.fill(i, frame);
      const admission = this.core.charge(1, item.ok ? bucketOf(item.frame.type) : "request");
      if (!admission.ok) fill(errorFrame("rate_limited", { retry_after_ms: admission.retry_after_ms }, namedIn(item)));
      else if (!item.ok) fill(item.error);
      else handleFrame(this.handlers, device, item.frame, fill);
    });
  }

  override async webSocketClose(ws: WebSocket, code: number, reason: string, wasClean: boolean): Promise<void> {
    // Who says goodbye was there until then; of a connection that broke, nobody knows.
    if (wasClean) this.core.sockets.heard(ws, Date.now(), 0);
    this.core.sockets.drop(ws, code, reason);
    this.presence.check(Date.now());
  }

  override async webSocketError(ws: WebSocket): Promise<void> {
    this.core.sockets.drop(ws, 1000, "");
    this.presence.check(Date.now());
  }

  override async alarm(): Promise<void> {
    count("session_alarms");
    await this.core.alarmed();
  }

  async deliver(call: DeliverCall): Promise<DeliverReply> {
    const known = this.delivering.take(call);
    return { ...this.delivering.reply(call.conversation_id), ...(known === null ? {} : { known }) };
  }

  async knownHead(call: { conversation_id: string; member?: true }): Promise<KnownHead | null> {
    return call.member === true && this.core.hasLeft(call.conversation_id) ? null : this.core.known(call.conversation_id);
  }

  async told(call: StatusCall): Promise<DeliverReply> {
    this.core.devices.send(call.frames);
    return { gen: this.core.gen, live: this.core.devices.live };
  }

  async admit(claims: Claims, cost: number, quota?: Quota): Promise<Result<object>> {
    // Before the charge: a token that counts no more must not use up its user's requests.
    const refused = this.core.refusal(claims.iat);
    if (refused !== null) return refused;
    this.core.register(claims.user_id);
    let admission = this.core.charge(cost);
    if (admission.ok && quota !== undefined) admission = this.quotas.take(quota);
    return admission.ok ? { ok: true } : { ok: false, code: "rate_limited", retry_after_ms: admission.retry_after_ms };
  }

  async send(claims: Claims, draft: Draft): Promise<Result<{ ack: AckFrame }>> {
    const admitted = await this.admit(claims, 1);
    if (!admitted.ok) return admitted;
    return new Promise((resolve) => {
      this.sending.append(draft, null, resolve);
    });
  }

  async poll(call: PollCall): Promise<Result<PollReply>> {
    const refused = this.core.refusal(call.claims.iat);
    if (refused !== null) return refused;
    this.core.register(call.claims.user_id);
    const admission = this.core.charge(1, "poll");
    if (!admission.ok) return { ok: false, code: "rate_limited", retry_after_ms: admission.retry_after_ms };
    const { polls } = this.core;
    const isNew = !polls.knows(call.device_id);
    polls.device(call.claims, call.device_id, Date.now());
    this.presence.check(Date.now());
    // Conversations that write no inboxes are in no row's user_seq until they are asked.
    await (isNew ? this.inbox.catchUp(Date.now()) : this.inbox.catchUpTold(Date.now()));
    return polls.poll(call, Date.now());
  }

  async frames(call: FramesCall): Promise<Result<PollReply>> {
    const { polls } = this.core;
    const refused = this.core.refusal(call.claims.iat);
    if (refused !== null) return refused;
    this.core.register(call.claims.user_id);
    const polled = call.device_id === null ? polls.nameless : polls.device(call.claims, call.device_id, Date.now());
    this.presence.check(Date.now());
    const device = new PostedDevice(call.device_id ?? NAMELESS, polled);
    await new Promise<void>((resolve) => {
      this.take(device, call.frames, new Answers(call.frames.length, (frames) => device.send(frames), resolve));
    });
    return { ok: true, text: await device.answer() };
  }

  async conversations(call: ListCall): Promise<Result<{ list: ConversationList }>> {
    return this.inbox.list(call);
  }

  async changes(call: { since: number }): Promise<Result<{ changed: ChangedConversations }>> {
    await this.inbox.catchUp(Date.now());
    return { ok: true, changed: this.inbox.changes(call.since) };
  }

  async searchable(call: SearchableCall): Promise<Result<Searchable>> {
    return { ok: true, ...listSearchable(this.core.store, call) };
  }

  async patchInbox(call: { conversation_id: string; patch: InboxPatch }): Promise<Result<{ conversation: ConversationRow }>> {
    return this.inbox.patch(call.conversation_id, call.patch);
  }

  async push(call: PushCall): Promise<void> {
    this.pushQueue.offered(call, Date.now());
  }

  async pushes(): Promise<Result<{ pushes: QueuedPush[] }>> {
    return this.core.isRegistered ? { ok: true, pushes: this.pushQueue.list() } : { ok: false, code: "not_found" };
  }

  async putDevice(call: { device_id: string; body: DeviceBody }): Promise<Result<{ device: RegisteredDevice }>> {
    return { ok: true, device: this.pushQueue.register(call.device_id, call.body, Date.now()) };
  }

  async deleteDevice(call: { device_id: string }): Promise<Result<object>> {
    return this.pushQueue.forget(call.device_id) ? { ok: true } : { ok: false, code: "not_found" };
  }

  async listDevices(): Promise<Result<{ devices: RegisteredDevice[] }>> {
    return { ok: true, devices: this.pushQueue.devices() };
  }

  async presenceOf(ask: PresenceAsk): Promise<PresenceTold> {
    return this.presence.asked(ask, Date.now());
  }

  async unwatch(call: { user_id: string; device_id: string }): Promise<void> {
    this.presence.unwatch(call.user_id, call.device_id);
  }

  async presenceChanged(call: { told: PresenceTold; devices: string[] }): Promise<{ gone: string[] }> {
    return this.watching.changed(call.told, call.devices);
  }

  async presenceQuery(call: { users: string[] }): Promise<Result<{ presence: PresenceEntry[] }>> {
    return this.watching.query(call.users);
  }

  async sessions(): Promise<Result<{ sessions: UserSessions }>> {
    if (!this.core.isRegistered) return { ok: false, code: "not_found" };
    return { ok: true, sessions: this.presence.sessions(this.ctx.id.toString(), Date.now()) };
  }

  async typingShown(shown: TypingShown): Promise<DeliverReply> {
    this.typing.shown(shown);
    return this.delivering.reply(shown.conversation_id);
  }

  async claimCreation(call: { client_msg_id: string; conversation_id: string }): Promise<{ conversation_id: string }> {
    this.core.register(this.core.userId);
    return { conversation_id: claimCreation(this.core.store.sql, call.client_msg_id, call.conversation_id) };
  }

  async register(userId: string): Promise<void> {
    this.core.register(userId);
  }

  async registered(): Promise<boolean> {
    return this.core.isRegistered;
  }

  async reachable(call: { from: string }): Promise<"yes" | "unknown" | "blocked"> {
    if (!this.core.isRegistered) return "unknown";
    return this.core.blocked.has(call.from) ? "blocked" : "yes";
  }

  async readProfile(): ReturnType<UserCalls["readProfile"]> {
    return this.profiles.read();
  }

  async readAccount(): ReturnType<UserCalls["readAccount"]> {
    return this.profiles.readAccount();
  }

  async changeProfile(call: Parameters<UserCalls["changeProfile"]>[0]): ReturnType<UserCalls["changeProfile"]> {
    return this.profiles.change(call);
  }

  async setAccess(call: Parameters<UserCalls["setAccess"]>[0]): ReturnType<UserCalls["setAccess"]> {
    const result = this.profiles.setAccess(call);
    this.presence.check(Date.now());
    return result;
  }

  async readBlocks(): ReturnType<UserCalls["readBlocks"]> {
    return { ok: true, blocks: this.blocks.list() };
  }

  async setBlock(call: Parameters<UserCalls["setBlock"]>[0]): ReturnType<UserCalls["setBlock"]> {
    return this.blocks.set(call.user_id, call.on);
  }

  async startUpload(...call: Parameters<UploadCalls["startUpload"]>): ReturnType<UploadCalls["startUpload"]> {
    const started = await this.uploads.start(...call);
    if (started.ok) this.sending.announced(started.upload);
    return started;
  }

  async setUploadId(call: Parameters<UploadCalls["setUploadId"]>[0]): ReturnType<UploadCalls["setUploadId"]> {
    return this.uploads.setUploadId(call);
  }

  async readUpload(...call: Parameters<UploadCalls["readUpload"]>): ReturnType<UploadCalls["readUpload"]> {
    return this.uploads.readParts(...call);
  }

  async dropUpload(call: { key: string }): Promise<void> {
    this.uploads.drop(call.key);
  }

  async eraseUser(call: Parameters<SessionErasure["eraseUser"]>[0]): ReturnType<SessionErasure["eraseUser"]> {
    const result = await eraseUser(this.core, this.profiles, call);
    this.presence.check(Date.now());
    return result;
  }

  async scrub(): ReturnType<SessionErasure["scrub"]> {
    return { scrubbed: !this.core.store.exists() || (await scrubObject(this.ctx, this.core.store.sql)) };
  }

  async exportUser(): ReturnType<SessionExports["exportUser"]> {
    return exportUser(this.profiles, this.pushQueue, this.blocks);
  }

  async exportInbox(call: Parameters<SessionExports["exportInbox"]>[0]): ReturnType<SessionExports["exportInbox"]> {
    return exportInbox(this.core, call);
  }
}
