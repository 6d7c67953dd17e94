// Frames that come as one request, and are answered as one: the device behind them lasts as long as the request.
import type { DownFrame } from "../../protocol/frames/down.ts";
import { encodeFrames } from "../../protocol/codec-json.ts";
import type { HeartbeatProfile } from "../../protocol/frames/presence.ts";
import { joinWaiting } from "../../domain/poll.ts";
import type { Device } from "./device.ts";

export class PostedDevice implements Device {
  readonly device_id: string;
  /** The device that polls beside; null where none does. */
  private readonly polled: Device | null;
  private readonly texts: string[] = [];
  private readonly works: Promise<void>[] = [];
  private isOpen = true;

  constructor(deviceId: string, polled: Device | null) {
    this.device_id = deviceId;
    this.polled = polled;
  }

  send(frames: readonly DownFrame[]): void {
    if (frames.length > 0) this.write(encodeFrames(frames));
  }

  /** What comes after the answer goes to the device's next poll. */
  write(text: string): void {
    if (this.isOpen) this.texts.push(text);
    else this.polled?.write(text);
  }

  get viewing(): readonly string[] {
    return this.polled?.viewing ?? [];
  }

  view(conversationIds: readonly string[]): void {
    this.polled?.view(conversationIds);
  }

  prolong(exp: number, iat: number): void {
    this.polled?.prolong(exp, iat);
  }

  pace(profile: HeartbeatProfile): void {
    this.polled?.pace(profile);
  }

  during(work: Promise<void>): void {
    this.works.push(work);
  }

  /** The answer, once all that was begun is done. */
  async answer(): Promise<string> {
    // Work may begin more work.
    for (let done = 0; done < this.works.length; done += 1) await this.works[done];
    this.isOpen = false;
    return `{"frames":[${joinWaiting(this.texts.map((json) => ({ json, frames: 1, head: null }))).join(",")}]}`;
  }
}
