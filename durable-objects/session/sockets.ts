// The sockets of one user's devices. What must outlive hibernation stands in each socket's attachment and tags.
import * as v from "valibot";
import { CLOSE } from "../../protocol/errors.ts";
import { freshUntil, isFresh, type Sign } from "../../domain/presence.ts";
import { Encoding } from "../../protocol/encodings.ts";
import type { DownFrame } from "../../protocol/frames/down.ts";
import { HeartbeatProfile } from "../../protocol/frames/presence.ts";
import { encodeNotify } from "../../protocol/frames/notify.ts";
import type { DeliverCall, EncodedEvents } from "../../protocol/rpc.ts";
import { CLOCK_TOLERANCE_S } from "../../protocol/limits.ts";
import { showsBodies, tellsHeads } from "./given.ts";
import { count } from "../platform/metrics.ts";
import { expired } from "../platform/tokens.ts";
import { Credit, type CreditPorts } from "./credit.ts";
import type { Device } from "./device.ts";
import { encodeMessage, eventsFor, fromJson } from "./encoding.ts";

const First = v.object({ v: v.literal(1), user_id: v.string(), device_id: v.string(), exp: v.number(), connected_at: v.number() });

/**
 * `exp` and `iat` of the token, in seconds; `seen_at` in ms, at most SEEN_EVERY_MS behind the last frame. `v` changes with the shape: one
 * that is not understood is closed, and its client resumes.
 */
export const Attachment = v.object({
  ...First.entries, v: v.literal(2), profile: HeartbeatProfile, seen_at: v.number(), iat: v.optional(v.number()),
  encoding: v.optional(Encoding, "json"),
  /** Conversations that the device has open. */
  viewing: v.optional(v.array(v.string())),
  /** ms since when it is without credit */
  starved_at: v.optional(v.number()),
});
export type Attachment = v.InferOutput<typeof Attachment>;

/** A frame is a sign of its device; written down this often, so that a busy socket costs nothing. */
const SEEN_EVERY_MS = 1_000;

export class Sockets {
  private readonly ctx: DurableObjectState;
  private readonly open = new Map<WebSocket, Attachment>();
  /** Hear of every socket that is gone, whoever closed it. */
  private readonly goneListeners: ((attachment: Attachment) => void)[] = [];

  private readonly credit: Credit<WebSocket>;

  constructor(ctx: DurableObjectState, credit: CreditPorts) {
    this.ctx = ctx;
    this.credit = new Credit(credit);
    for (const ws of ctx.getWebSockets()) {
      const attachment = attachmentOf(ws);
      if (attachment === null) close(ws, CLOSE.going_away, "please reconnect");
      else this.open.set(ws, attachment);
      if (attachment?.starved_at !== undefined) this.credit.restore(ws);
    }
  }

  get size(): number {
    return this.open.size;
  }

  /** Until when the tokens let the user be live, ms; 0 with no socket. */
  get until(): number {
    return Math.max(0, ...[...this.open.values()].map(({ exp }) => (exp + CLOCK_TOLERANCE_S) * 1_000));
  }

  /** Does any device have the conversation open? */
  isViewing(conversationId: string): boolean {
    return [...this.open.values()].some(({ viewing }) => viewing?.includes(conversationId));
  }

  /** All that any device has open. */
  get viewing(): ReadonlySet<string> {
    return new Set([...this.open.values()].flatMap(({ viewing }) => viewing ?? []));
  }

  onGone(listener: (attachment: Attachment) => void): void {
    this.goneListeners.push(listener);
  }

  attachment(ws: WebSocket): Attachment | null {
    return this.open.get(ws) ?? null;
  }

  /** The device behind a socket, as frame handlers see it. */
  device(ws: WebSocket, attachment: Attachment): Device {
    const { open } = this;
    return {
      device_id: attachment.device_id,
      get viewing() {
        return open.get(ws)?.viewing ?? [];
      },
      view: (conversationIds) => {
        const current = open.get(ws);
        if (current !== undefined) this.keep(ws, { ...current, viewing: [...conversationIds] });
      },
      send: (frames) => this.send(ws, frames, Date.now()),
      write: (text, run) => {
        if (run !== undefined) this.credit.pushed(ws, run);
        this.write(ws, fromJson(attachment.encoding, text), Date.now());
      },
      prolong: (exp, iat) => {
        const current = open.get(ws);
        if (current !== undefined) this.keep(ws, { ...current, exp, iat });
      },
      pace: (profile) => {
        const current = this.open.get(ws);
        if (current !== undefined) this.keep(ws, { ...current, profile });
      },
      acknowledged: (conversationId, seq) => this.acknowledged(ws, conversationId, seq),
      resumed: () => this.resumed(ws),
      has: (conversationId, seq) => this.credit.has(ws, conversationId, seq),
    };
  }

  private acknowledged(ws: WebSocket, conversationId: string, seq: number): void {
    const attachment = this.open.get(ws);
    const frames = attachment === undefined ? null : this.credit.acknowledged(ws, conversationId, seq, attachment.starved_at);
    if (attachment === undefined || frames === null) return;
    this.keep(ws, { ...attachment, starved_at: undefined });
    this.send(ws, frames, Date.now());
  }

  private resumed(ws: WebSocket): boolean {
    const attachment = this.open.get(ws);
    const frames = this.credit.resumed(ws);
    if (frames === "close") {
      this.slow(ws);
      return false;
    }
    if (attachment?.starved_at !== undefined) this.keep(ws, { ...attachment, starved_at: undefined });
    this.send(ws, frames, Date.now());
    return true;
  }

  private slow(ws: WebSocket): void {
    count("closed_slow");
    this.drop(ws, CLOSE.slow, "acknowledges too little of what it gets");
  }

  accept(ws: WebSocket, attachment: Attachment): void {
    this.ctx.acceptWebSocket(ws, [`device:${attachment.device_id}`]);
    this.keep(ws, attachment);
  }

  /** Stores what has changed of a socket, for the next wake. */
  keep(ws: WebSocket, attachment: Attachment): void {
    ws.serializeAttachment(attachment);
    this.open.set(ws, attachment);
  }

  /** Something came from this device. @param every ms that what is written down may be behind */
  heard(ws: WebSocket, now: number, every = SEEN_EVERY_MS): void {
    const attachment = this.open.get(ws);
    if (attachment !== undefined && now - attachment.seen_at >= every) this.keep(ws, { ...attachment, seen_at: now });
  }

  /** The signs of all sockets: pings are answered by the runtime, which alone knows when the last one was. */
  signs(): (Sign & { ws: WebSocket })[] {
    return [...this.open].map(([ws, attachment]) => this.sign(ws, attachment));
  }

  private sign(ws: WebSocket, { device_id, exp, profile, connected_at, seen_at }: Attachment): Sign & { ws: WebSocket } {
    const pinged = this.ctx.getWebSocketAutoResponseTimestamp(ws)?.getTime() ?? 0;
    return { ws, device_id, exp, profile, connected_at, seen_at: Math.max(seen_at, pinged) };
  }

  /** Closes the sockets that are silent past their limit, or whose token has expired; false: there was none. */
  sweep(now: number): boolean {
    const size = this.open.size;
    for (const [ws, attachment] of this.open) {
      if (now < freshUntil(attachment)) continue;
      const sign = this.sign(ws, attachment);
      if (expired(attachment.exp, now)) this.drop(ws, CLOSE.token, "the token has expired");
      else if (!isFresh(sign, now)) this.drop(ws, CLOSE.silent, "silent for too long");
      // The next look need not ask the runtime.
      else this.keep(ws, { ...attachment, seen_at: sign.seen_at });
    }
    return this.open.size < size;
  }

  /** Sockets of a device. */
  count(deviceId: string): number {
    let sockets = 0;
    for (const { device_id } of this.open.values()) if (device_id === deviceId) sockets += 1;
    return sockets;
  }

  /** Is `deviceIds` all that is connected, and on one socket? */
  onlyDevice(deviceIds: ReadonlySet<string | null>): boolean {
    if (this.open.size === 0) return true;
    const [first] = this.open.values();
    return this.open.size === 1 && deviceIds.size === 1 && first !== undefined && deviceIds.has(first.device_id);
  }

  /** Does any socket speak this? */
  speak(encoding: Encoding): boolean {
    return [...this.open.values()].some((attachment) => attachment.encoding === encoding);
  }

  /** One message for all the frames. Nothing goes to a socket whose token has expired. */
  send(ws: WebSocket, frames: readonly DownFrame[], now: number): void {
    const attachment = this.open.get(ws);
    if (frames.length > 0 && attachment !== undefined) this.write(ws, encodeMessage(attachment.encoding, frames), now);
  }

  /** One message for every socket, but those of some devices; encoded once for all that speak alike. */
  sendAll(frames: readonly DownFrame[], now: number, except: ReadonlySet<string> = new Set()): void {
    const encoded = new Map<Encoding, string | Uint8Array>();
    for (const [ws, { device_id, encoding }] of this.open) {
      if (except.has(device_id)) continue;
      const passing = this.credit.passing(ws, frames);
      if (passing !== frames) {
        this.send(ws, passing, now);
        continue;
      }
      const message = encoded.get(encoding) ?? encodeMessage(encoding, frames);
      encoded.set(encoding, message);
      this.write(ws, message, now);
    }
  }

  /** To every socket of a device; false: it has none. */
  sendTo(deviceId: string, frames: readonly DownFrame[], now: number): boolean {
    const sockets = [...this.open].filter(([, { device_id }]) => device_id === deviceId);
    for (const [ws] of sockets) this.send(ws, this.credit.passing(ws, frames), now);
    return sockets.length > 0;
  }

  /** @param mine devices that sent some of the events, and what each gets in their place */
  push(call: DeliverCall, mine: DeliverCall["own"], now: number): void {
    const { events, handle, conversation_id, epoch, head_seq } = call;
    const notify = handle !== undefined && tellsHeads(call) ? encodeNotify(handle, head_seq) : null;
    for (const [ws, attachment] of this.open) {
      const own = mine.find((entry) => entry.device_id === attachment.device_id);
      const given = own === undefined ? events : own.events;
      if (notify !== null && !showsBodies(call, attachment.viewing ?? [])) {
        if (this.credit.misses(ws, { conversation_id, epoch, head_seq })) continue;
        count("notifies_out");
        this.write(ws, notify, now);
      } else if (given !== null) this.pushTo(ws, attachment, call, given, now);
    }
  }

  /** Without credit a device is told once where the head is, and gets nothing more until it has acknowledged enough. */
  private pushTo(ws: WebSocket, attachment: Attachment, { conversation_id, epoch, head_seq, repeat }: DeliverCall, given: EncodedEvents, now: number): void {
    const head = { conversation_id, epoch, head_seq };
    const verdict = this.credit.push(ws, { conversation_id, to_seq: given.to_seq, events: given.to_seq - given.from_seq + 1, bytes: given.json.length || (given.pb?.byteLength ?? 0) }, head, repeat === true);
    if (verdict === "push") this.write(ws, eventsFor(attachment.encoding, given), now);
    else if (verdict === "close") this.slow(ws);
    else if (verdict === "tell") {
      count("credit_exhausted");
      this.keep(ws, { ...attachment, starved_at: now });
      this.send(ws, [{ type: "sync_required", conversations: [head] }], now);
    }
  }

  /** What is encoded already, as this socket speaks. */
  write(ws: WebSocket, message: string | Uint8Array, now: number): void {
    const attachment = this.open.get(ws);
    if (attachment === undefined) return;
    if (expired(attachment.exp, now)) {
      this.drop(ws, CLOSE.token, "the token has expired");
      return;
    }
    try {
      ws.send(message);
      count("frames_out");
    } catch {
      // The peer is gone and its close is under way: the client resumes what it lacks.
      this.forget(ws);
    }
  }

  /** To the devices that have the conversation open. */
  sendViewing(conversationId: string, frames: readonly DownFrame[], now: number): void {
    for (const [ws, { viewing }] of this.open) if (viewing?.includes(conversationId)) this.send(ws, this.credit.passing(ws, frames), now);
  }

  /** Closes a socket from this side, or answers its close. */
  drop(ws: WebSocket, code: number, reason: string): void {
    this.forget(ws);
    close(ws, code, reason);
  }

  dropWhere(is: (attachment: Attachment) => boolean, code: number, reason: string): void {
    for (const [ws, attachment] of this.open) if (is(attachment)) this.drop(ws, code, reason);
  }

  private forget(ws: WebSocket): void {
    const attachment = this.open.get(ws);
    if (attachment === undefined) return;
    const { seen_at } = this.sign(ws, attachment);
    this.open.delete(ws);
    for (const listener of this.goneListeners) listener({ ...attachment, seen_at });
  }
}

function attachmentOf(ws: WebSocket): Attachment | null {
  const given: unknown = ws.deserializeAttachment();
  const parsed = v.safeParse(Attachment, given);
  if (parsed.success) return parsed.output;
  const first = v.safeParse(First, given);
  return first.success ? { ...first.output, v: 2, profile: "foreground", seen_at: first.output.connected_at, encoding: "json" } : null;
}

/** 1005, 1006 and 1015 say what happened and may not be sent. */
function close(ws: WebSocket, code: number, reason: string): void {
  const sendable = code === 1000 || code === 1003 || (code >= 3000 && code <= 4999);
  try {
    ws.close(sendable ? code : 1000, reason);
  } catch {
    // It is closed already, which is what was wanted.
  }
}
