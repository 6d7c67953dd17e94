// The bench on a deployment that is there already, by its URL.
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { usersOf } from "../../bench/workloads.ts";
import { startProduct } from "../product.ts";
import { bench, benchFolder, LOAD } from "./run-bench.ts";

test("a deployment is measured by its URL and a command for tokens, without its CPU", async () => {
  const product = await startProduct({ env: { CONFAB_RATE_LIMIT: "0" } });
  onTestFinished(() => product.discard());
  const tokens = path.join(benchFolder(), "tokens");
  mkdirSync(tokens);
  for (let i = 0; i < usersOf(["pairs"]); i += 1) writeFileSync(path.join(tokens, `bench-${i}`), await product.token(`bench-${i}`));
  const { result } = await bench("--url", product.url, "--token-command", `cat ${tokens}/{user}`, "--workload", "pairs", "--generators", "2", "--seconds", "1", "--rounds", "1");
  const [{ parties, generators }] = result.workloads;
  const [{ seen, rows_per_message, rounds }] = parties;
  expect(Object.keys(seen).toSorted()).toEqual(LOAD.toSorted());
  expect([parties.length, rounds.length, rows_per_message, generators]).toEqual([1, 1, null, 2]);
  expect(seen.acks_per_s?.lowest).toBeGreaterThan(0);
});

test("a deployment that refuses messages fails the bench", async () => {
  const product = await startProduct();
  onTestFinished(() => product.discard());
  const tokens = path.join(benchFolder(), "tokens");
  mkdirSync(tokens);
  for (let i = 0; i < usersOf(["pairs"]); i += 1) writeFileSync(path.join(tokens, `bench-${i}`), await product.token(`bench-${i}`));
  await expect(bench("--url", product.url, "--token-command", `cat ${tokens}/{user}`, "--workload", "pairs-32", "--seconds", "1", "--rounds", "1"))
    .rejects.toThrow("the server says rate_limited");
});
