// All devices of the user, whatever each is connected by.
import type { DownFrame } from "../../protocol/frames/down.ts";
import type { DeliverCall } from "../../protocol/rpc.ts";
import type { Sockets } from "./sockets.ts";

export class Devices {
  private readonly sockets: Sockets;

  constructor(sockets: Sockets) {
    this.sockets = sockets;
  }

  /** Is there any? */
  get live(): boolean {
    return this.sockets.size > 0;
  }

  /** Until when their tokens let the user be live, ms; 0 with none. */
  get until(): number {
    return this.sockets.until;
  }

  /** Does any have the conversation open? */
  isViewing(conversationId: string): boolean {
    return this.sockets.isViewing(conversationId);
  }

  /** Frames for those that have the conversation open. */
  sendViewing(conversationId: string, frames: readonly DownFrame[]): void {
    this.sockets.sendViewing(conversationId, frames, Date.now());
  }

  /** Frames for every device but some. */
  send(frames: readonly DownFrame[], except?: ReadonlySet<string>): void {
    this.sockets.sendAll(frames, Date.now(), except);
  }

  /** Frames for one of them; false: it is not connected. */
  sendTo(deviceId: string, frames: readonly DownFrame[]): boolean {
    return this.sockets.sendTo(deviceId, frames, Date.now());
  }

  /** Events to every device; one that sent some of them gets the rest. */
  push(call: DeliverCall): void {
    this.sockets.push(call.events, call.own, Date.now());
  }

  /** Are these all that are connected, once each? */
  only(deviceIds: ReadonlySet<string | null>): boolean {
    return this.sockets.onlyDevice(deviceIds);
  }
}
