// A group of 500 that are all online: one sends ten messages a second, ten have it open and get the bodies, and the others are
// told by `notify`. What counts as a delivery is either.
import { decodeNotify, NOTIFY_BYTES } from "../protocol/frames/notify.ts";
import { connectAll, type Device } from "./device.ts";
import type { Target } from "./target.ts";
import { Traffic } from "./traffic.ts";
import { atRate, createGroup, type Load } from "./workloads.ts";

const MEMBERS = 500;
const VIEWERS = 10;
const RATE = 10;
/** The event that made the group is 1, and nobody but the sender adds any. */
const FIRST_SEQ = 2;
const TOLD_WITHIN_MS = 20_000;

export async function largeGroup(target: Target, known: readonly Device[]): Promise<Load> {
  const [sender] = known as [Device, ...Device[]];
  const more = await connectAll(target, Array.from({ length: MEMBERS - known.length }, (_, i) => `bench-${known.length + i}`), sender.wire, sender.acknowledge !== undefined);
  const members = [...known, ...more];
  const conversation_id = await createGroup(target, members.map(({ user }) => user));
  const viewers = members.slice(1, 1 + VIEWERS);
  // The sender has it open as well: one who does not is told of what others send.
  for (const device of [sender, ...viewers]) await opened(device, conversation_id);
  const traffic = new Traffic([{ device: sender, address: { conversation_id }, recipients: viewers }], {});
  const others = new Others(traffic, members.slice(1 + VIEWERS));
  return {
    ...atRate(traffic, RATE),
    settled: () => others.settled(),
    close: async () => void (await Promise.all(more.map((device) => device.close()))),
  };
}

/** The answer says how far the group is. */
function opened(device: Device, conversationId: string): Promise<void> {
  return new Promise((resolve, reject) => {
    device.listen((message) => {
      if (message.includes("sync_required") || message[0] !== 0x5b) resolve();
    }, reject);
    device.send(device.wire.encode([{ type: "open", conversation_id: conversationId }]));
  });
}

/** Those who are told that there is something. One `notify` speaks of everything up to its seq. */
class Others {
  private readonly told = new Map<Device, number>();
  private readonly traffic: Traffic;

  constructor(traffic: Traffic, devices: readonly Device[]) {
    this.traffic = traffic;
    for (const device of devices) {
      this.told.set(device, 0);
      // One that is closed lacks what comes after.
      device.listen((message) => this.heard(device, message), () => undefined);
    }
  }

  async settled(): Promise<void> {
    const deadline = performance.now() + TOLD_WITHIN_MS;
    for (;;) {
      const lacking = [...this.told].find(([, told]) => told < this.traffic.sent);
      if (lacking === undefined) return;
      if (performance.now() > deadline) throw new Error(`${lacking[0].user} was told of ${lacking[1]} of ${this.traffic.sent} messages`);
      await new Promise((resolve) => {
        setTimeout(resolve, 10);
      });
    }
  }

  private heard(device: Device, message: Buffer): void {
    const notify = message.length === NOTIFY_BYTES ? decodeNotify(message) : null;
    if (notify === null) return;
    const now = performance.now();
    const sentAt = this.traffic.senders[0]?.sentAt ?? [];
    const upTo = Math.min(notify.seq - FIRST_SEQ + 1, sentAt.length);
    for (let number = this.told.get(device) ?? 0; number < upTo; number += 1) this.traffic.tally.delivery.add(now - (sentAt[number] as number));
    this.told.set(device, Math.max(upTo, this.told.get(device) ?? 0));
    this.traffic.tally.bytes += message.length;
  }
}
