// The sockets of one user's devices. What must outlive hibernation stands in each socket's attachment and tags.
import * as v from "valibot";
import { CLOSE } from "../../protocol/errors.ts";
import { encodeFrames } from "../../protocol/codec-json.ts";
import type { DownFrame } from "../../protocol/frames/down.ts";
import type { EncodedEvents } from "../../protocol/rpc.ts";
import { count } from "../platform/metrics.ts";
import { expired } from "../platform/tokens.ts";
import type { Device } from "./device.ts";

/** `exp` of the token, in seconds. `v` changes with the shape: a socket with an older one is closed, and its client resumes. */
export const Attachment = v.object({ v: v.literal(1), user_id: v.string(), device_id: v.string(), exp: v.number(), connected_at: v.number() });
export type Attachment = v.InferOutput<typeof Attachment>;

export class Sockets {
  private readonly ctx: DurableObjectState;
  private readonly open = new Map<WebSocket, Attachment>();

  constructor(ctx: DurableObjectState) {
    this.ctx = ctx;
    for (const ws of ctx.getWebSockets()) {
      const attachment = attachmentOf(ws);
      if (attachment === null) close(ws, CLOSE.going_away, "please reconnect");
      else this.open.set(ws, attachment);
    }
  }

  get size(): number {
    return this.open.size;
  }

  attachment(ws: WebSocket): Attachment | null {
    return this.open.get(ws) ?? null;
  }

  /** The device behind a socket, as frame handlers see it. */
  device(ws: WebSocket, attachment: Attachment): Device {
    return {
      device_id: attachment.device_id,
      send: (frames) => this.send(ws, frames, Date.now()),
      write: (text) => this.write(ws, text, Date.now()),
      prolong: (exp) => {
        const current = this.open.get(ws);
        if (current !== undefined) this.keep(ws, { ...current, exp });
      },
    };
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

  /** Is `deviceIds` all that is connected, and on one socket? */
  onlyDevice(deviceIds: ReadonlySet<string | null>): boolean {
    if (this.open.size === 0) return true;
    const [first] = this.open.values();
    return this.open.size === 1 && deviceIds.size === 1 && first !== undefined && deviceIds.has(first.device_id);
  }

  /** One text for all the frames. Nothing goes to a socket whose token has expired. */
  send(ws: WebSocket, frames: readonly DownFrame[], now: number): void {
    if (frames.length > 0) this.write(ws, encodeFrames(frames), now);
  }

  /** Events to every device; a device that sent some of them gets the rest, unless not all of its sockets sent them. */
  push(events: EncodedEvents | null, own: readonly { device_id: string; events: EncodedEvents | null }[], now: number): void {
    const sole = own.filter((entry) => [...this.open.values()].filter(({ device_id }) => device_id === entry.device_id).length === 1);
    for (const [ws, attachment] of this.open) {
      const mine = sole.find((entry) => entry.device_id === attachment.device_id);
      const given = mine === undefined ? events : mine.events;
      if (given !== null) this.write(ws, given.json, now);
    }
  }

  write(ws: WebSocket, text: string, now: number): void {
    const attachment = this.open.get(ws);
    if (attachment === undefined) return;
    if (expired(attachment.exp, now)) {
      this.drop(ws, CLOSE.token, "the token has expired");
      return;
    }
    try {
      ws.send(text);
      count("frames_out");
    } catch {
      // The peer is gone and its close is under way: the client resumes what it lacks.
      this.open.delete(ws);
    }
  }

  /** Closes a socket from this side, or answers its close. */
  drop(ws: WebSocket, code: number, reason: string): void {
    this.open.delete(ws);
    close(ws, code, reason);
  }
}

function attachmentOf(ws: WebSocket): Attachment | null {
  const parsed = v.safeParse(Attachment, ws.deserializeAttachment());
  return parsed.success ? parsed.output : null;
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
