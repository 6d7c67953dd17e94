// Members of a large group who are told by `notify` that there is something. One `notify` speaks of everything up to its seq.
// Works in the sender's process alone.
import { decodeNotify, NOTIFY_BYTES } from "../../protocol/frames/notify.ts";
import type { Device } from "../dialects/dialect.ts";
import { now } from "./clock.ts";
import type { Traffic } from "./traffic.ts";

/** The event that made the group is 1, and nobody but the sender adds any. */
const FIRST_SEQ = 2;
const WITHIN_MS = 20_000;
const LOOK_MS = 10;

export class Told {
  /** When the messages were to be sent, by number. */
  private readonly planned: number[] = [];
  private readonly told = new Map<Device, number>();

  sent(number: number, planned: number): void {
    this.planned[number] = planned;
  }

  watch(devices: readonly Device[], traffic: Traffic): void {
    for (const device of devices) {
      this.told.set(device, 0);
      // One that is closed lacks what comes after.
      device.listen((unit) => this.heard(device, unit, traffic), () => undefined);
    }
  }

  async settled(): Promise<void> {
    const deadline = now() + WITHIN_MS;
    for (;;) {
      const lacking = [...this.told].find(([, told]) => told < this.planned.length);
      if (lacking === undefined) return;
      if (now() > deadline) throw new Error(`${lacking[0].user} was told of ${lacking[1]} of ${this.planned.length} messages`);
      await new Promise((resolve) => {
        setTimeout(resolve, LOOK_MS);
      });
    }
  }

  private heard(device: Device, unit: Buffer, { tally }: Traffic): void {
    const notify = unit.length === NOTIFY_BYTES ? decodeNotify(unit) : null;
    if (notify === null) return;
    const at = now();
    const before = this.told.get(device) ?? 0;
    const upTo = Math.min(notify.seq - FIRST_SEQ + 1, this.planned.length);
    this.told.set(device, Math.max(upTo, before));
    if (!tally.covers(at)) return;
    for (let number = before; number < upTo; number += 1) tally.delivery.add(at - (this.planned[number] as number));
    tally.bytes += unit.length;
  }
}
