// The socket.io peer under the same load: it must store before it acknowledges, or a ratio to it would say nothing.
import { expect, onTestFinished, test } from "vitest";
import { Fleet } from "../../bench/fleet.ts";
import { now } from "../../bench/generator/clock.ts";
import { startSocketio } from "../../bench/peers/socketio.ts";
import { runRound } from "../../bench/round.ts";
import { planOf } from "../../bench/workloads.ts";

test("socket.io with SQLite has every message on disk once that it acknowledged, over two generator processes", async () => {
  const target = await startSocketio();
  onTestFinished(() => target.stop(false));
  const fleet = await Fleet.raise(target.spoken, planOf("group-10", null), 2);
  onTestFinished(() => fleet.close());
  const { seen, generator_shares } = await runRound(target, fleet, 0.5);
  expect(seen.acks_per_s).toBeGreaterThan(0);
  expect(generator_shares.length).toBe(2);
  expect(await target.stored()).toBe(fleet.messages);
});

test("socket.io with SQLite gives a device that comes back what it missed, once and in order", async () => {
  const target = await startSocketio();
  onTestFinished(() => target.stop(false));
  const fleet = await Fleet.raise(target.spoken, planOf("reconnect-1000", null), 1);
  onTestFinished(() => fleet.close());
  await fleet.miss();
  const began = now();
  expect(await fleet.catchUp()).toBeLessThan(now() - began);
  expect(await target.stored()).toBe(1_001);
});
