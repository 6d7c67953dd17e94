// What the bench says of 200 messages a second.
import { expect, test } from "vitest";
import { sharedBundle } from "../product.ts";
import { size } from "../sizes.ts";
import { bench, LOAD } from "./run-bench.ts";

// What else the machine does at the moment can spoil an attempt; a slow product spoils all of them.
test("[A22 B4] at 200 messages a second, receipts included, half of the deliveries take under 100 ms, 99% under 200 ms and none 500 ms", { retry: 4 }, async () => {
  const seconds = size("seconds of 200 messages", 3, 30);
  const { printed, result } = await bench("--bundle", await sharedBundle(), "--against", "none", "--workload", "open-200", "--receipts", "on", "--seconds", String(seconds), "--rounds", "1");
  const [{ parties: [{ seen, rows_per_message, cpu_parts, rounds }], workload }] = result.workloads;
  expect(workload).toBe("open-200");
  expect(Object.keys(seen).toSorted()).toEqual([...LOAD, "server_cpu"].toSorted());
  expect(Object.keys(cpu_parts)).toEqual(["workerd", "archiver"]);
  expect(rounds[0]?.generator_shares.length).toBe(1);
  // An edge that keeps up acknowledges what is sent; each message is an event and its key, and settles and receipts cost something.
  expect(seen.acks_per_s?.median).toBeGreaterThan(190);
  expect(rows_per_message).toBeGreaterThan(2);
  expect(seen.delivery_p50?.median).toBeLessThan(100);
  expect(seen.delivery_p99?.median).toBeLessThan(200);
  expect(seen.delivery_max?.highest).toBeLessThan(500);
  expect(result.goals.map(({ figure, is, value }) => [figure, is, value])).toContainEqual(["delivery_p50", "most", 100]);
  expect(printed).toContain("open-200");
});
