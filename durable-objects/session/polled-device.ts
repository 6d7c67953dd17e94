// One device that polls: what waits for it, and the requests that are held for it.
import { PollQueue, type Waiting } from "../../domain/poll.ts";
import type { Sign } from "../../domain/presence.ts";
import { encodeFrames } from "../../protocol/codec-json.ts";
import type { DownFrame } from "../../protocol/frames/down.ts";
import type { HeartbeatProfile } from "../../protocol/frames/presence.ts";
import type { Head } from "../../protocol/frames/sync.ts";
import type { Claims, Refusal, Result } from "../../protocol/rpc.ts";
import type { PollReply } from "../../protocol/rpc/inbox.ts";
import type { Device } from "./device.ts";

/** A client that gave up a poll begins another; the server can't see that, and answers both. */
const HELD = 4;

export interface HeldPoll {
  user_seq: number;
  /** s since 1970, of the token it came with */
  exp: number;
  resolve(reply: Result<PollReply>): void;
}

export interface PolledRule {
  /** Takes what is to be said with `release`, and says it. */
  answer(device: PolledDevice): void;
  /** Answers are at least this far apart, ms. */
  every_ms: number;
  now(): number;
}

export class PolledDevice implements Device {
  readonly device_id: string;
  viewing: readonly string[] = [];
  private profile: HeartbeatProfile = "foreground";
  private exp: number;
  /** s since 1970: when its token was issued. */
  iat: number | undefined;
  private readonly connectedAt: number;
  private seenAt: number;
  private readonly waiting = new PollQueue();
  private held: HeldPoll[] = [];
  private over: ReturnType<typeof setTimeout> | null = null;
  private overAt = 0;
  private soon: ReturnType<typeof setTimeout> | null = null;
  private answeredAt = 0;
  private readonly rule: PolledRule;

  constructor(deviceId: string, { exp, iat }: Pick<Claims, "exp" | "iat">, rule: PolledRule) {
    this.device_id = deviceId;
    this.exp = exp;
    this.iat = iat;
    this.rule = rule;
    this.connectedAt = rule.now();
    this.seenAt = this.connectedAt;
  }

  get sign(): Sign {
    return { device_id: this.device_id, exp: this.exp, profile: this.profile, connected_at: this.connectedAt, seen_at: this.seenAt };
  }

  get isHeld(): boolean {
    return this.held.length > 0;
  }

  heard({ exp, iat }: Pick<Claims, "exp" | "iat">, now: number): void {
    this.exp = exp;
    this.iat = iat;
    this.seenAt = now;
  }

  send(frames: readonly DownFrame[]): void {
    if (frames.length > 0) this.queue({ json: encodeFrames(frames), frames: frames.length, head: null });
  }

  write(text: string): void {
    this.queue({ json: text, frames: 1, head: null });
  }

  view(conversationIds: readonly string[]): void {
    this.viewing = [...conversationIds];
  }

  prolong(exp: number, iat: number): void {
    this.exp = exp;
    this.iat = iat;
  }

  pace(profile: HeartbeatProfile): void {
    this.profile = profile;
  }

  queue(item: Waiting): void {
    this.waiting.add(item);
    this.due();
  }

  /** There is something that it has to ask for. */
  lost(head: Head): void {
    this.waiting.lost(head);
    this.due();
  }

  /** @param ms until it is answered even if there is nothing to say */
  hold(poll: HeldPoll, ms: number): void {
    this.held.push(poll);
    for (const old of this.held.splice(0, Math.max(0, this.held.length - HELD))) old.resolve({ ok: true, text: nothing(old) });
    if (!this.waiting.isEmpty) this.due();
    const at = this.rule.now() + ms;
    if (this.over !== null && this.overAt <= at) return;
    if (this.over !== null) clearTimeout(this.over);
    this.overAt = at;
    this.over = setTimeout(() => this.rule.answer(this), ms);
  }

  /** There is something to say: to whoever holds a poll, once it is time. */
  due(): void {
    if (!this.isHeld || this.soon !== null) return;
    const { every_ms } = this.rule;
    // Behind this turn, so that a settle's row is counted in the same answer as its events.
    this.soon = setTimeout(() => this.rule.answer(this), Math.max(0, Math.min(this.answeredAt + every_ms - this.rule.now(), every_ms)));
  }

  /** The polls that are held and what waits for them: whoever takes them answers. */
  release(): { polls: HeldPoll[]; waiting: Waiting[]; heads: Head[] } {
    for (const timer of [this.over, this.soon]) if (timer !== null) clearTimeout(timer);
    this.over = null;
    this.soon = null;
    this.answeredAt = this.rule.now();
    return { polls: this.held.splice(0), ...this.waiting.take() };
  }

  /** It gets nothing more. @param refused what its polls are told; null: that there is nothing */
  end(refused: Refusal | null): void {
    for (const poll of this.release().polls) poll.resolve(refused ?? { ok: true, text: nothing(poll) });
  }
}

/** An answer that moves nothing. */
function nothing({ user_seq }: HeldPoll): string {
  return `{"frames":[],"user_seq":${user_seq}}`;
}
