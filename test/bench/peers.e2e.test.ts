// The peers under the same load: they must store before they acknowledge, or a ratio to them would say nothing.
import { expect, inject, onTestFinished, test } from "vitest";
import { Fleet } from "../../bench/fleet.ts";
import { now } from "../../bench/generator/clock.ts";
import { startEjabberd } from "../../bench/peers/ejabberd.ts";
import { startSocketio } from "../../bench/peers/socketio.ts";
import { runRound } from "../../bench/round.ts";
import { planOf } from "../../bench/workloads.ts";

// ejabberd has to be fetched where it is not installed, and takes as long to start as many a test file takes.
const PEERS = [["socket.io with SQLite", startSocketio], ...(inject("long") ? [["ejabberd with PostgreSQL", startEjabberd] as const] : [])] as const;
const TIMEOUT_MS = 300_000;

test.each(PEERS)("%s has every message on disk once that it acknowledged, over two generator processes", { timeout: TIMEOUT_MS }, async (_, start) => {
  const target = await start();
  onTestFinished(() => target.stop(false));
  for (const workload of ["group-10", "pairs-32"] as const) {
    const before = await target.stored();
    const fleet = await Fleet.raise(target.spoken, planOf(workload, null), 2);
    onTestFinished(() => fleet.close());
    const { seen, generator_shares } = await runRound(target, fleet, 0.5);
    expect(seen.acks_per_s).toBeGreaterThan(0);
    expect(generator_shares.length).toBe(2);
    expect(await target.stored()).toBe((before ?? 0) + fleet.messages);
    await fleet.close();
  }
});

test.each(PEERS)("%s gives a device that comes back what it missed, once and in order", { timeout: TIMEOUT_MS }, async (_, start) => {
  const target = await start();
  onTestFinished(() => target.stop(false));
  const fleet = await Fleet.raise(target.spoken, planOf("reconnect-1000", null), 1);
  onTestFinished(() => fleet.close());
  await fleet.miss();
  const began = now();
  expect(await fleet.catchUp()).toBeLessThan(now() - began);
  expect(await target.stored()).toBe(1_001);
});
