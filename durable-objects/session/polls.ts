// The devices that poll. Everything of theirs is in memory: what is lost with it, the next poll finds by its user_seq, because
// every answer names the heads of whatever has changed since the last one that the client got.
import { type Sign, isFresh } from "../../domain/presence.ts";
import { joinWaiting, planHeads } from "../../domain/poll.ts";
import { encodeFrames } from "../../protocol/codec-json.ts";
import type { DownFrame } from "../../protocol/frames/down.ts";
import type { Head } from "../../protocol/frames/sync.ts";
import { CLOCK_TOLERANCE_S, RESUME_CURSORS } from "../../protocol/limits.ts";
import type { Claims, DeliverCall, Refusal, Result } from "../../protocol/rpc.ts";
import type { PollCall, PollReply } from "../../protocol/rpc/inbox.ts";
import { count } from "../platform/metrics.ts";
import type { Gone } from "./device.ts";
import { jsonOf } from "./encoding.ts";
import { showsBodies, tellsHeads } from "./given.ts";
import { toRow } from "./inbox-row.ts";
import { PolledDevice } from "./polled-device.ts";
import type { InboxRecord } from "./store.ts";

/** The device of all polls that give no device_id. */
export const NAMELESS = "poll";
/** A device is answered at most this often, so that a burst comes in a few answers and not in one each. */
const ANSWER_EVERY_MS = 50;

export interface PollPorts {
  userSeq(): number;
  /** Rows changed since a user_seq, oldest change first, with the newest heads that are known. */
  changed(userSeq: number, limit: number): InboxRecord[];
  now(): number;
}

export class Polls {
  private readonly devices = new Map<string, PolledDevice>();
  private readonly ports: PollPorts;
  private readonly goneListeners: ((gone: Gone) => void)[] = [];
  private comes: (deviceId: string, now: number) => void = () => undefined;

  constructor(ports: PollPorts) {
    this.ports = ports;
  }

  get size(): number {
    return this.devices.size;
  }

  count(deviceId: string): number {
    return this.devices.has(deviceId) ? 1 : 0;
  }

  /** Until when their tokens let the user be live, ms; 0 with none. */
  get until(): number {
    return Math.max(0, ...this.signs().map(({ exp }) => lastMs(exp)));
  }

  onGone(listener: (gone: Gone) => void): void {
    this.goneListeners.push(listener);
  }

  /** @param listener is asked before a new device is counted */
  onComing(listener: (deviceId: string, now: number) => void): void {
    this.comes = listener;
  }

  get viewing(): string[] {
    return [...this.devices.values()].flatMap(({ viewing }) => [...viewing]);
  }

  isViewing(conversationId: string): boolean {
    return [...this.devices.values()].some(({ viewing }) => viewing.includes(conversationId));
  }

  onlyDevice(deviceIds: ReadonlySet<string | null>): boolean {
    const [first] = this.devices.keys();
    return this.devices.size === 1 && deviceIds.size === 1 && first !== undefined && deviceIds.has(first);
  }

  signs(): Sign[] {
    return [...this.devices.values()].map((device) => device.sign);
  }

  get nameless(): PolledDevice | null {
    return this.devices.get(NAMELESS) ?? null;
  }

  /** Does this device poll already? What came since its last answer waits for it. */
  knows(deviceId: string | null): boolean {
    return this.devices.has(deviceId ?? NAMELESS);
  }

  /** The device of a request, which is a sign of it. */
  device(claims: Claims, deviceId: string | null, now: number): PolledDevice {
    const device_id = deviceId ?? NAMELESS;
    this.sweep(now);
    let device = this.devices.get(device_id);
    if (device === undefined) {
      this.comes(device_id, now);
      device = new PolledDevice(device_id, claims, { answer: (held) => this.answer(held), now: () => this.ports.now(), every_ms: ANSWER_EVERY_MS });
      this.devices.set(device_id, device);
    }
    device.heard(claims, now);
    return device;
  }

  /** Answers once there is something to say, or `wait` is over. */
  poll(call: PollCall, now: number): Promise<Result<PollReply>> {
    const device = this.device(call.claims, call.device_id, now);
    return new Promise((resolve) => {
      const left = Math.max(0, lastMs(call.claims.exp) - now);
      device.hold({ user_seq: call.user_seq, exp: call.claims.exp, resolve }, Math.min(call.wait, left));
      if (call.user_seq !== this.ports.userSeq()) device.due();
    });
  }

  sendAll(frames: readonly DownFrame[], except: ReadonlySet<string>): void {
    for (const device of this.devices.values()) if (!except.has(device.device_id)) device.send(frames);
  }

  /** False: it does not poll. */
  sendTo(deviceId: string, frames: readonly DownFrame[]): boolean {
    const device = this.devices.get(deviceId);
    device?.send(frames);
    return device !== undefined;
  }

  sendViewing(conversationId: string, frames: readonly DownFrame[]): void {
    for (const device of this.devices.values()) if (device.viewing.includes(conversationId)) device.send(frames);
  }

  /** @param own devices that sent some of the events, and what each gets in their place */
  push(call: DeliverCall, own: DeliverCall["own"]): void {
    for (const device of this.devices.values()) {
      if (tellsHeads(call) && !showsBodies(call, device.viewing)) {
        device.lost({ conversation_id: call.conversation_id, epoch: call.epoch, head_seq: call.head_seq });
        continue;
      }
      const mine = own.find(({ device_id }) => device_id === device.device_id);
      const events = mine === undefined ? call.events : mine.events;
      if (events === null) continue;
      count("frames_out");
      device.queue({
        json: jsonOf(events), frames: events.to_seq - events.from_seq + 1,
        head: { conversation_id: call.conversation_id, epoch: call.epoch, head_seq: events.to_seq },
      });
    }
  }

  /** Rows have changed: who holds a poll from before is answered. */
  moved(): void {
    for (const device of this.devices.values()) device.due();
  }

  /** Forgets the devices that have stopped polling. True: there were some. */
  sweep(now: number): boolean {
    const { size } = this.devices;
    for (const device of this.devices.values()) if (!device.isHeld && !isFresh(device.sign, now)) this.forget(device);
    return this.devices.size < size;
  }

  /** Ends a device's polls: they are answered, and it is no device any more. */
  drop(deviceId: string): void {
    const device = this.devices.get(deviceId);
    if (device === undefined) return;
    this.forget(device);
    device.end(null);
  }

  /** @param refusal why a token that was issued then (s since 1970) is no longer accepted; null where it is */
  dropWhere(refusal: (iat: number | undefined) => Refusal | null): void {
    for (const device of this.devices.values()) {
      const refused = refusal(device.iat);
      if (refused === null) continue;
      this.forget(device);
      device.end(refused);
    }
  }

  private forget(device: PolledDevice): void {
    this.devices.delete(device.device_id);
    for (const listener of this.goneListeners) listener({ ...device.sign, viewing: device.viewing });
  }

  private answer(device: PolledDevice): void {
    const now = this.ports.now();
    const { polls, waiting, heads } = device.release();
    for (const held of polls) {
      if (now > lastMs(held.exp)) held.resolve({ ok: false, code: "token_expired" });
      else held.resolve({ ok: true, text: this.text(held.user_seq, waiting, heads) });
    }
  }

  /** Invariant: whoever has this answer knows of every head that settled up to its user_seq. */
  private text(since: number, waiting: Parameters<typeof joinWaiting>[0], lost: readonly Head[]): string {
    const newest = this.ports.userSeq();
    // A number that this session never gave: the client begins anew.
    const rows = since === newest ? [] : this.ports.changed(since > newest ? 0 : since, RESUME_CURSORS + 1);
    const told = rows.slice(0, RESUME_CURSORS);
    const user_seq = rows.length > told.length ? (told.at(-1) as InboxRecord).user_seq : newest;
    const heads = planHeads(told.filter((row) => row.left_at === null).map(headOf), lost, waiting);
    const frames: DownFrame[] = told.filter((row) => row.left_at !== null).map((row) => ({ type: "inbox", user_seq: row.user_seq, conversation: toRow(row) }));
    if (heads.length > 0) frames.push({ type: "sync_required", conversations: heads });
    const texts = joinWaiting(waiting);
    if (frames.length > 0) texts.push(...joinWaiting([{ json: encodeFrames(frames), frames: frames.length, head: null }]));
    return `{"frames":[${texts.join(",")}],"user_seq":${user_seq}}`;
  }
}

/** ms until when a token is good. */
function lastMs(exp: number): number {
  return (exp + CLOCK_TOLERANCE_S) * 1_000;
}

function headOf({ conversation_id, epoch, settled_seq }: InboxRecord): Head {
  return { conversation_id, epoch, head_seq: settled_seq };
}
