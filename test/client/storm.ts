// A crowd of real clients with a socket each, all of which lose their server at once; what they planned and what they did.
import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import type { BackoffPolicy } from "../../domain/backoff.ts";
import { connect, type ConfabClient } from "../../client/client.ts";
import { systemEnvironment } from "../../client/environment.ts";
import type { Product } from "../product.ts";

/** That many sockets are opened at once at first: the crowd comes in by itself then, and not as a storm. */
const TOGETHER = 50;
const POLL_MS = 20;

export class Storm {
  readonly clients: readonly ConfabClient[];
  /** When which socket was opened, ms. */
  readonly dials: readonly number[];
  /** When which client was greeted, ms. */
  readonly greetings: readonly number[];

  private constructor(clients: readonly ConfabClient[], dials: readonly number[], greetings: readonly number[]) {
    this.clients = clients;
    this.dials = dials;
    this.greetings = greetings;
  }

  /** Resolves once all of them have been open for the policy's stable time. @param users who have the devices, as many each */
  static async gather(product: Product, count: number, users: number, backoff: BackoffPolicy): Promise<Storm> {
    const [clients, dials, greetings]: [ConfabClient[], number[], number[]] = [[], [], []];
    const tokens: string[] = [];
    for (let i = 0; i < users; i += 1) tokens.push(await product.token(`crowd-${i}`));
    const environment = {
      ...systemEnvironment,
      openSocket: (url: string, protocols: string[]) => {
        dials.push(performance.now());
        return systemEnvironment.openSocket(url, protocols);
      },
    };
    const storm = new Storm(clients, dials, greetings);
    while (clients.length < count) {
      for (let i = 0; i < TOGETHER && clients.length < count; i += 1) {
        const token = tokens[clients.length % users] as string;
        const client = connect({ url: product.url, token, device_id: `device-${Math.floor(clients.length / users)}`, environment, backoff });
        client.on("state", ({ kind }) => kind === "open" && greetings.push(performance.now()));
        clients.push(client);
      }
      await storm.until(() => storm.open === clients.length, 60_000);
    }
    await storm.stable(backoff);
    return storm;
  }

  get open(): number {
    return this.clients.filter(({ state }) => state.kind === "open").length;
  }

  /** Every client has been open for the stable time. */
  async stable({ stable_ms }: BackoffPolicy): Promise<void> {
    const last = this.greetings.at(-1) ?? 0;
    await this.until(() => performance.now() - last > stable_ms, stable_ms + 60_000);
  }

  /** Of each client the last reconnect that it planned. */
  get planned(): { attempt: number; delay_ms: number }[] {
    return this.clients.map(({ reconnects }) => reconnects.at(-1) ?? { attempt: -1, delay_ms: -1 });
  }

  async until(holds: () => boolean, within_ms: number): Promise<void> {
    const deadline = performance.now() + within_ms;
    while (!holds()) {
      if (performance.now() > deadline) throw new Error(`not within ${within_ms} ms; ${this.open} of ${this.clients.length} are open`);
      await delay(POLL_MS);
    }
  }

  close(): void {
    for (const client of this.clients) client.close();
  }
}

/** How many of these times the fullest stretch of `width_ms` holds, as a share of all. */
export function largestShare(times: readonly number[], width_ms: number): number {
  const counts = new Map<number, number>();
  for (const time of times) counts.set(Math.floor(time / width_ms), (counts.get(Math.floor(time / width_ms)) ?? 0) + 1);
  return Math.max(...counts.values()) / times.length;
}
