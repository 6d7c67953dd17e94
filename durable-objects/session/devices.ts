// All devices of the user, whatever each is connected by.
import type { Sign } from "../../domain/presence.ts";
import { CLOSE } from "../../protocol/errors.ts";
import type { DownFrame } from "../../protocol/frames/down.ts";
import type { DeliverCall } from "../../protocol/rpc.ts";
import type { Gone } from "./device.ts";
import type { Polls } from "./polls.ts";
import type { Sockets } from "./sockets.ts";

export class Devices {
  private readonly sockets: Sockets;
  private readonly polls: Polls;

  constructor(sockets: Sockets, polls: Polls) {
    this.sockets = sockets;
    this.polls = polls;
  }

  /** Is there any? */
  get live(): boolean {
    return this.sockets.size + this.polls.size > 0;
  }

  /** Until when their tokens let the user be live, ms; 0 with none. */
  get until(): number {
    return Math.max(this.sockets.until, this.polls.until);
  }

  /** Hears of every device that is gone, whoever ended it. */
  onGone(listener: (gone: Gone) => void): void {
    this.sockets.onGone(listener);
    this.polls.onGone(listener);
  }

  signs(): Sign[] {
    return [...this.sockets.signs(), ...this.polls.signs()];
  }

  /** Lets go of those that are silent past their limits. True: there were some. */
  sweep(now: number): boolean {
    const silent = this.sockets.sweep(now);
    return this.polls.sweep(now) || silent;
  }

  /** Those that `decide` picks are told to go away. */
  dismiss(decide: (signs: readonly Sign[]) => readonly Sign[], retry_after_ms: number, now: number): void {
    const sockets = this.sockets.signs();
    const leaving = new Set(decide([...sockets, ...this.polls.signs()]));
    for (const sign of sockets.filter((candidate) => leaving.delete(candidate))) {
      this.sockets.send(sign.ws, [{ type: "going_away", retry_after_ms }], now);
      this.sockets.drop(sign.ws, CLOSE.going_away, "too many devices");
    }
    for (const { device_id } of leaving) this.polls.drop(device_id);
  }

  /** All that any of them has open. */
  get viewing(): ReadonlySet<string> {
    return new Set([...this.sockets.viewing, ...this.polls.viewing]);
  }

  /** Does any have the conversation open? */
  isViewing(conversationId: string): boolean {
    return this.sockets.isViewing(conversationId) || this.polls.isViewing(conversationId);
  }

  /** Frames for those that have the conversation open. */
  sendViewing(conversationId: string, frames: readonly DownFrame[]): void {
    this.sockets.sendViewing(conversationId, frames, Date.now());
    this.polls.sendViewing(conversationId, frames);
  }

  /** Frames for every device but some. */
  send(frames: readonly DownFrame[], except: ReadonlySet<string> = new Set()): void {
    this.sockets.sendAll(frames, Date.now(), except);
    this.polls.sendAll(frames, except);
  }

  /** Frames for one of them; false: it is not connected. */
  sendTo(deviceId: string, frames: readonly DownFrame[]): boolean {
    const polled = this.polls.sendTo(deviceId, frames);
    return this.sockets.sendTo(deviceId, frames, Date.now()) || polled;
  }

  /**
   * Events to every device; one that sent some of them, and is connected once, gets the rest. In a conversation that writes no
   * inboxes only those that have it open get them, and the others are told that there is something.
   */
  push(call: DeliverCall): void {
    const own = call.own.filter(({ device_id }) => this.sockets.count(device_id) + this.polls.count(device_id) === 1);
    this.sockets.push(call, own, Date.now());
    this.polls.push(call, own);
  }

  /** Rows of the inbox have changed. */
  moved(): void {
    this.polls.moved();
  }

  /** Are these all that are connected, once each? */
  only(deviceIds: ReadonlySet<string | null>): boolean {
    return this.polls.size === 0 ? this.sockets.onlyDevice(deviceIds) : this.sockets.size === 0 && this.polls.onlyDevice(deviceIds);
  }
}
