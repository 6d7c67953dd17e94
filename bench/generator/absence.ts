// A device that is away while somebody sends to its user, and comes back, as often as it is asked to: what it has does not grow.
import type { Cursor, Device, Dialect } from "../dialects/dialect.ts";
import { userName } from "../workloads.ts";
import { now } from "./clock.ts";
import { CONTENT } from "./traffic.ts";

const UNIT = 50;
const ACKED_WITHIN_MS = 30_000;

export class Absence {
  private readonly dialect: Dialect;
  private readonly run: string;
  private readonly missed: number;
  private cursor: Cursor | null = null;

  constructor(dialect: Dialect, run: string, missed: number) {
    this.dialect = dialect;
    this.run = run;
    this.missed = missed;
  }

  /** The first message is one that the device has; then come those that it lacks, each acknowledged. */
  async miss(): Promise<void> {
    const [sender, peer] = [userName(0), userName(1)] as const;
    // Its user must be known to the server before somebody can write to it.
    await (await this.dialect.connect(peer)).close();
    const device = await this.dialect.connect(sender);
    const [first] = await this.acked(device, peer, 0, 1);
    if (first === undefined) throw new Error("nothing was acknowledged");
    for (let number = 1; number <= this.missed; number += UNIT) await this.acked(device, peer, number, Math.min(UNIT, this.missed + 1 - number));
    await device.close();
    this.cursor = { conversation_id: first.conversation_id, epoch: 1, seq: first.seq, missed: this.missed };
  }

  async catchUp(): Promise<number> {
    if (this.cursor === null) throw new Error("nothing is missed yet");
    const began = now();
    const { keys, at } = await this.dialect.catchUp(userName(1), this.cursor);
    const wrong = keys.findIndex((key, i) => key !== this.key(i + 1));
    if (wrong >= 0 || keys.length !== this.missed) throw new Error(`${keys.length} messages came of ${this.missed} that were missed, the first wrong one is ${wrong}`);
    return at - began;
  }

  private key(number: number): string {
    return `${this.run}.0.${number}.0`;
  }

  private acked(device: Device, to: string, from: number, count: number): Promise<{ conversation_id: string; seq: number }[]> {
    const acks: { conversation_id: string; seq: number }[] = [];
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${count - acks.length} of ${count} messages were not acknowledged`)), ACKED_WITHIN_MS);
      device.listen((unit) => {
        try {
          for (const seen of device.read(unit)) if (seen.ack) acks.push(seen);
        } catch (error) {
          reject(error as Error);
        }
        if (acks.length < count) return;
        clearTimeout(late);
        resolve(acks);
      }, reject);
      device.post({ to }, Array.from({ length: count }, (_, i) => this.key(from + i)), CONTENT);
    });
  }
}
