// A thousand clients of the started product whose server dies: over real sockets, with the client's own clock and chance.
import { performance } from "node:perf_hooks";
import { expect, onTestFinished, test } from "vitest";
import { type BackoffPolicy, RECONNECT } from "../../domain/backoff.ts";
import type { ConfabClient } from "../../client/client.ts";
import type { PlannedReconnect } from "../../client/options.ts";
import { startProduct } from "../product.ts";
import { noted, size } from "../sizes.ts";
import { largestShare, Storm } from "./storm.ts";

const CLIENTS = 1_000;
/** As it is but for the cap and the stable time, which would take minutes to be seen. */
const SHORT: BackoffPolicy = { base_ms: RECONNECT.base_ms, cap_ms: 5_000, stable_ms: 1_000 };
const policy = size("cap of 1,000 reconnects, ms", SHORT.cap_ms, RECONNECT.cap_ms) === SHORT.cap_ms ? SHORT : RECONNECT;
const users = size("users with 1,000 sockets", 100, CLIENTS);
/** Have something to say in the middle of it. */
const SENDERS = 10;
/** From here on a delay's ceiling would be above the cap, were there none. */
const CAPPED = Math.ceil(Math.log2(policy.cap_ms / policy.base_ms));

/** The first reconnects of a series: from 0, spread below the base. */
function expectFresh(planned: readonly (PlannedReconnect | undefined)[]): void {
  expect(new Set(planned.map((one) => one?.attempt))).toEqual(new Set([0]));
  const delays = planned.map((one) => one?.delay_ms ?? -1);
  expect(Math.max(...delays)).toBeLessThan(policy.base_ms);
  expect(largestShare(delays, 100)).toBeLessThanOrEqual(0.05);
}

test("[D6] [A24] [D17] 1,000 clients that lose their server at once come back spread out, begin anew after a good connection, and stay below the cap while it is away", { timeout: 600_000 }, async () => {
  const product = await startProduct({ env: { CONFAB_RATE_LIMIT: "0" } });
  onTestFinished(() => product.discard());
  const storm = await Storm.gather(product, CLIENTS, users, policy);
  onTestFinished(() => storm.close());

  // The runtime dies and is back by itself.
  let dialled = storm.dials.length;
  const sender = storm.clients[0] as ConfabClient;
  const greeted = storm.greetings.length;
  const killed = performance.now();
  product.killRuntime();
  await storm.until(() => storm.open === 0, 10_000);
  expectFresh(storm.clients.map(({ reconnects }) => reconnects[0]));
  const acks = storm.clients.slice(0, SENDERS).map((client, i) => client.send({ to: (i === 0 ? storm.clients[1] as ConfabClient : sender).user_id as string }, "still there?").acked.then(() => performance.now() - killed));
  noted("ms from a kill to the first ack", await Promise.race(acks));
  await storm.until(() => storm.greetings.length >= greeted + CLIENTS && storm.open === CLIENTS, 2 * policy.cap_ms + 60_000);
  noted("ms from a kill to the last of 1,000 sockets", (storm.greetings.at(-1) as number) - killed);
  expect(await Promise.all(acks)).toHaveLength(SENDERS);
  // Over sockets they came as they had planned, but for what a busy machine is late.
  expect(largestShare(storm.dials.slice(dialled, dialled + CLIENTS), 1_000)).toBeLessThanOrEqual(0.5);
  // Each has failed once, which is forgotten only after a good connection.
  await storm.stable(policy);

  // Everything dies, and the door stays shut.
  dialled = storm.dials.length;
  const series = storm.clients.map(({ reconnects }) => reconnects.length);
  await product.killTree();
  await storm.until(() => storm.open === 0, 10_000);
  await storm.until(() => storm.planned.every(({ attempt }) => attempt >= CAPPED), 4 * policy.cap_ms + 60_000);
  const away = storm.clients.map(({ reconnects }, i) => reconnects.slice(series[i]));
  expectFresh(away.map(([first]) => first));
  const delays = away.flat();
  expect(Math.max(...delays.map(({ delay_ms }) => delay_ms))).toBeLessThan(policy.cap_ms);
  expect(Math.max(...delays.map(({ delay_ms }) => delay_ms))).toBeGreaterThan(policy.base_ms);
  const capped = delays.filter(({ attempt }) => attempt >= CAPPED).map(({ delay_ms }) => delay_ms);
  expect(largestShare(capped, 100)).toBeLessThanOrEqual(0.05);
  expect(storm.dials.length - dialled).toBeGreaterThanOrEqual(CLIENTS * CAPPED);
});
