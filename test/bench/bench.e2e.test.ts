// What the bench says of 200 messages a second.
import { expect, test } from "vitest";
import { sharedBundle } from "../product.ts";
import { size } from "../sizes.ts";
import { bench, shape } from "./run-bench.ts";

// What else the machine does at the moment can spoil an attempt; a slow product spoils all of them.
test("[A22 B4] at 200 messages a second, receipts included, half of the deliveries take under 100 ms, 99% under 200 ms and none 500 ms", { retry: 4 }, async () => {
  const seconds = size("seconds of 200 messages", 3, 30);
  const { printed, result } = await bench("--bundle", await sharedBundle(), "--against", "none", "--workload", "open-200", "--seconds", String(seconds), "--rounds", "1");
  const [{ product, workload }] = result.workloads;
  expect(workload).toBe("open-200");
  expect(product).toEqual(shape(true));
  // An edge that keeps up acknowledges what is sent; each message is an event and its key, and settles and receipts cost something.
  expect(product.acks_per_s.median).toBeGreaterThan(190);
  expect(product.rows_per_message).toBeGreaterThan(2);
  expect(product.delivery_p50.median).toBeLessThan(100);
  expect(product.delivery_p99.median).toBeLessThan(200);
  expect(product.delivery_max.highest).toBeLessThan(500);
  expect(result.goals.map(({ goal }) => goal)).toContain("p50 of delivery below 100 ms");
  expect(printed).toContain("open-200");
});
