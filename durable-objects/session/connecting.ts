// Devices that come: the upgrade of a socket, its newer tokens, and catching up on what it missed.
import { decideRoom } from "../../domain/presence.ts";
import { type Bucket, decideAdmission } from "../../domain/rate-limit.ts";
import { errorFields, log } from "../../log/log.ts";
import { errorFrame } from "../../protocol/codec-json.ts";
import { SUBPROTOCOLS } from "../../protocol/encodings.ts";
import { ChatError, errorBody, ERRORS } from "../../protocol/errors.ts";
import type { DownFrame } from "../../protocol/frames/down.ts";
import { HEARTBEATS } from "../../protocol/frames/presence.ts";
import type { Cursor, HelloFrame } from "../../protocol/frames/sync.ts";
import { CONTENT_BYTES, DEVICES, FRAME_BYTES, FRAMES_PER_ARRAY, HISTORY_PAGE_MAX, PAGE_MAX } from "../../protocol/limits.ts";
import type { ConversationCalls } from "../../protocol/rpc.ts";
import { count } from "../platform/metrics.ts";
import { checkToken } from "../platform/tokens.ts";
import { again } from "./again.ts";
import type { SessionCore } from "./core.ts";
import type { Device } from "./device.ts";
import type { Handlers } from "./frames.ts";
import type { Lanes } from "./lanes.ts";
import type { Leases } from "./leases.ts";
import { resumeDevice } from "./resume.ts";
import type { Upgrade } from "./upgrade.ts";

/** A conversation may be busy this long after its last settle was due: it must learn at once that this session is live. */
const BUSY_MS = 10_000;
/** Who made room for another device should not push that one out at once. */
const CROWDED_MS = 60_000;

/** A conversation says how far the user has read it. */
type Learned = (conversationId: string, marks: { read_seq: number; read_msg_no: number; settles: boolean }) => void;

export class Connecting {
  private readonly core: SessionCore;
  private readonly lanes: Lanes;
  private readonly leases: Leases;
  private readonly learned: Learned;
  /** Upgrades have a bucket of their own: who connects may send a whole burst at once. */
  private connects: Bucket | null = null;

  constructor(core: SessionCore, lanes: Lanes, leases: Leases, learned: Learned) {
    this.core = core;
    this.lanes = lanes;
    this.leases = leases;
    this.learned = learned;
    core.polls.onComing((deviceId, now) => this.comes(deviceId, now));
  }

  readonly handlers: Handlers = {
    resume: (device, frame, fill) => {
      fill(null);
      if (device.resumed?.() === false) return;
      this.core.background(device, "resume", resumeDevice(this.core.store, frame, Date.now(), {
        resume: (conversationId, cursor, limit) => this.resumed(device, conversationId, cursor, limit),
        isStale: (row) => this.lanes.busy(row.conversation_id) || this.core.heads.over(row).settled_seq > row.settled_seq,
        write: (text, run) => device.write(text, run),
        send: (frames) => device.send(frames),
      }));
    },
    auth_refresh: (device, frame, fill) => this.core.background(device, "auth_refresh", this.refresh(device, frame.token).then(fill)),
  };

  /** The upgrade of a socket, already authorized by the Worker. */
  upgrade(upgrade: Upgrade): Response {
    const { core } = this;
    const now = Date.now();
    const { rate_limit, rate_burst } = core.settings;
    const admission = decideAdmission(this.connects, { rate: rate_limit, burst: rate_burst }, now);
    this.connects = admission.bucket;
    if (!admission.ok) return tooMany(admission.retry_after_ms);
    const refused = core.refusal(upgrade.iat);
    if (refused !== null) return Response.json({ error: errorBody(refused.code) }, { status: ERRORS[refused.code].http });
    core.register(core.userId);
    const { 0: client, 1: server } = new WebSocketPair();
    this.comes(upgrade.device_id, now);
    core.sockets.accept(server, {
      v: 2, user_id: core.userId, device_id: upgrade.device_id, exp: upgrade.exp, connected_at: now, profile: "foreground", seen_at: now,
      ...(upgrade.iat === undefined ? {} : { iat: upgrade.iat }),
      encoding: upgrade.encoding ?? "json",
    });
    const hello: HelloFrame = {
      type: "hello", user_id: core.userId, device_id: upgrade.device_id, heartbeat: HEARTBEATS.foreground, user_seq: core.userSeq,
      limits: { content_bytes: CONTENT_BYTES, frame_bytes: FRAME_BYTES, page: PAGE_MAX, frames_per_array: FRAMES_PER_ARRAY, history_page: HISTORY_PAGE_MAX },
      server_time: now,
    };
    core.sockets.send(server, [hello], now);
    log("info", "socket_opened", { user_id: core.userId, device_id: upgrade.device_id, gen: core.gen });
    return new Response(null, {
      status: 101, webSocket: client,
      headers: upgrade.encoding === null ? {} : { "Sec-WebSocket-Protocol": SUBPROTOCOLS[upgrade.encoding] },
    });
  }

  /** A device is about to be counted: others may have to make room, and the first one is news. */
  private comes(deviceId: string, now: number): void {
    const { devices } = this.core;
    devices.sweep(now);
    devices.dismiss((signs) => decideRoom(signs, deviceId, DEVICES), CROWDED_MS, now);
    if (!devices.live) this.begin(now);
    else this.leases.later();
  }

  /** The user's devices go from none to one: conversations that may be busy learn of it. */
  private begin(now: number): void {
    const { core } = this;
    core.gen += 1;
    core.store.commitGen(core.gen);
    this.leases.begin(core.store.readSettledAfter(now - core.settings.settle_after_ms - BUSY_MS).map((row) => row.conversation_id));
  }

  private async resumed(device: Device, conversationId: string, cursor: Cursor, limit: number): ReturnType<ConversationCalls["resume"]> {
    const { core } = this;
    const known = core.heads.has(conversationId) || core.store.readInbox(conversationId) !== null;
    // Asking wakes an object: without a price for strangers' ones, a frame would wake a thousand.
    const admission = known ? null : core.charge(1);
    if (admission?.ok === false) return { ok: false, code: "rate_limited", retry_after_ms: admission.retry_after_ms };
    try {
      // Live from here on is said only where the other devices know of the conversation, too: what settles first, they are all pushed.
      const there = core.store.readInbox(conversationId) === null ? {} : { gen: core.gen, until: core.devices.until };
      const devices = new Set([device.device_id]);
      const alone = core.devices.only(devices);
      const reply = await again(() => core.through(conversationId, (stub) => stub.resume({
        user_id: core.userId, conversation_id: conversationId, cursor, limit, known: core.known(conversationId), ...there, ...(alone ? { alone } : {}),
      })));
      if (!reply.ok) return reply;
      device.has?.(conversationId, cursor.seq);
      // Another one may have come, and asked, before this call: the conversation thinks that there is none.
      if (alone && !core.devices.only(devices)) core.devices.send([{ type: "sync_required", conversations: [reply.head] }]);
      if (!known) core.heads.heard(conversationId, { head_seq: reply.head.head_seq, head_msg_no: 0, last_at: 0 });
      if (reply.read !== undefined && core.store.readInbox(conversationId)?.epoch === reply.head.epoch) {
        this.learned(conversationId, { read_seq: reply.read.seq, read_msg_no: reply.read.msg_no, settles: false });
      }
      return reply;
    } catch (error) {
      log("warn", "resume_failed", { user_id: core.userId, conversation_id: conversationId, ...errorFields(error) });
      return { ok: false, code: "unavailable", retry_after_ms: 1_000 };
    }
  }

  /** A device lives on with a newer token of the same user. */
  private async refresh(device: Device, token: string): Promise<DownFrame | null> {
    try {
      const checked = await checkToken(this.core.env, token);
      if (checked.user_id !== this.core.userId || checked.scope !== "user") return errorFrame("unauthorized");
      const refused = this.core.refusal(checked.iat);
      if (refused !== null) return errorFrame(refused.code);
      device.prolong(checked.exp, checked.iat);
      this.leases.renew();
      return null;
    } catch (error) {
      if (error instanceof ChatError) return errorFrame(error.code);
      throw error;
    }
  }
}

function tooMany(retry_after_ms: number): Response {
  count("rate_limited");
  return Response.json({ error: errorBody("rate_limited", { retry_after_ms }) }, { status: 429, headers: { "Retry-After": String(Math.ceil(retry_after_ms / 1_000)) } });
}
