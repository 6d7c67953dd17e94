// A generator's connections without a server: the test is the server.
import type { Address, Device, Seen } from "../../bench/dialects/dialect.ts";
import { Tally } from "../../bench/generator/tally.ts";
import { type Sender, Traffic } from "../../bench/generator/traffic.ts";

export type Given = Partial<Seen> & { error?: string };

export class FakeDevice implements Device {
  readonly keys: string[] = [];
  readonly user: string;
  private heard: (unit: Buffer) => void = () => undefined;

  constructor(user: string) {
    this.user = user;
  }

  post(_address: Address, keys: readonly string[]): number {
    this.keys.push(...keys);
    return 10;
  }

  read(unit: Buffer): Seen[] {
    return (JSON.parse(unit.toString()) as Given[]).map(({ error, ...seen }) => {
      if (error !== undefined) throw new Error(`the server says ${error}`);
      return { key: "", ack: false, conversation_id: "g.1", seq: 0, ...seen };
    });
  }

  listen(heard: (unit: Buffer) => void): void {
    this.heard = heard;
  }

  async close(): Promise<void> {}

  get(...seen: Given[]): void {
    this.heard(Buffer.from(JSON.stringify(seen)));
  }
}

/** Ann sends to Bob and Cat; each of those may live in another process. */
export function traffic(here: { ann: FakeDevice | null; recipients: FakeDevice[]; elsewhere: number }) {
  const seen = { acked: [] as number[], arrived: 0, here: [] as number[] };
  const senders: Sender[] = [{
    own: here.ann === null ? null : { device: here.ann, address: { conversation_id: "g.1" } }, recipients: here.recipients, elsewhere: here.elsewhere,
  }];
  const made = new Traffic("run", senders, true, {
    acked: (_sender, count) => seen.acked.push(count),
    arrived: () => {
      seen.arrived += 1;
    },
    here: (_sender, number) => seen.here.push(number),
  });
  made.tally = new Tally(0, Number.POSITIVE_INFINITY);
  return { made, seen, outcome: (sent: number) => Promise.race([made.failure.catch((error: Error) => error.message), made.drained([sent]).then(() => "drained")]) };
}
