// One archiver among others, with a store that a test answers for: when it begins, when it asks again, and how it leaves.
import { beforeEach, expect, test, vi } from "vitest";
import { Membership } from "../../archiver/membership.ts";
import { newMetrics } from "../../archiver/metrics.ts";
import { StoreUnavailable } from "../../archiver/stores/store.ts";
import { metric } from "./world.ts";

const LEASE_MS = 300;

beforeEach(() => {
  for (const method of ["log", "error"] as const) vi.spyOn(console, method).mockImplementation(() => undefined);
});

function member(others: () => string[], signal = new AbortController().signal) {
  const calls: string[] = [];
  let down = false;
  const metrics = newMetrics();
  const guard = (name: string) => {
    calls.push(name);
    if (down) throw new StoreUnavailable("down for the test");
  };
  const store = {
    beat: async (id: string) => {
      guard("beat");
      return [id, ...others()];
    },
    leave: async () => guard("leave"),
  };
  return { sharing: new Membership({ store, metrics, id: "me", leaseMs: LEASE_MS, signal }), calls, metrics, setDown: (now: boolean) => void (down = now) };
}

test("[B18] who is alone begins at once with all of it; who comes to others waits until they have seen it", async () => {
  const alone = member(() => []);
  const started = performance.now();
  expect((await alone.sharing.current()).shards).toBe(256);
  expect(alone.calls).toEqual(["beat"]);
  const third = member(() => ["ann", "bob"]);
  expect((await third.sharing.current()).archivers).toBe(3);
  expect(third.calls.slice(0, 2)).toEqual(["beat", "beat"]);
  expect(performance.now() - started).toBeGreaterThanOrEqual(LEASE_MS / 2 - 5);
  expect(await metric(third.metrics, "archivers")).toBe(3);
  await Promise.all([alone.sharing.leave(), third.sharing.leave()]);
});

test("[B18] calls at the same time join once; while its lease holds it does not ask, and renews it by itself", async () => {
  const { sharing, calls } = member(() => []);
  await Promise.all([sharing.current(), sharing.current(), sharing.current()]);
  expect(calls).toEqual(["beat"]);
  await sharing.current();
  expect(calls).toEqual(["beat"]);
  await expect.poll(() => calls.length, { interval: 10 }).toBeGreaterThanOrEqual(4);
  await sharing.leave();
});

test("[B18] with the store down its share holds as long as its lease, then it has none until the store answers", async () => {
  const { sharing, calls, setDown } = member(() => []);
  const asked = performance.now();
  await sharing.current();
  setDown(true);
  const share = await sharing.current();
  expect(share.shards).toBe(256);
  await expect.poll(() => sharing.current().then(() => "held", (error: Error) => error.name), { interval: 10, timeout: 5_000 }).toBe("StoreUnavailable");
  expect(performance.now() - asked).toBeGreaterThanOrEqual(LEASE_MS);
  expect(sharing.known.shards).toBe(256);
  setDown(false);
  expect((await sharing.current()).shards).toBe(256);
  await sharing.leave();
  expect(calls.at(-1)).toBe("leave");
});

test("[B18] a stop ends the waiting; leaving gives the lease up, and a store that is down is no reason to fail", async () => {
  const stop = new AbortController();
  const { sharing, calls, setDown } = member(() => ["ann"], stop.signal);
  const joining = sharing.current();
  stop.abort();
  await joining;
  setDown(true);
  await sharing.leave();
  expect(calls.at(-1)).toBe("leave");
  const never = member(() => []);
  await never.sharing.leave();
  expect(never.calls).toEqual([]);
});
