// The bench on a deployment that is there already, by its URL.
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { USERS } from "../../bench/workloads.ts";
import { startProduct } from "../product.ts";
import { bench, benchFolder, shape } from "./run-bench.ts";

test("a deployment is measured by its URL and a command for tokens, without its CPU", async () => {
  const product = await startProduct({ env: { CONFAB_RATE_LIMIT: "0" } });
  onTestFinished(() => product.discard());
  const tokens = path.join(benchFolder(), "tokens");
  mkdirSync(tokens);
  for (let i = 0; i < USERS; i += 1) writeFileSync(path.join(tokens, `bench-${i}`), await product.token(`bench-${i}`));
  const { result } = await bench("--url", product.url, "--token-command", `cat ${tokens}/{user}`, "--workload", "pairs", "--seconds", "1", "--rounds", "1");
  const [{ product: figures, against, rounds }] = result.workloads;
  expect(figures).toEqual(shape(false));
  expect([against, rounds.product.length]).toEqual([null, 1]);
  expect(figures.acks_per_s.lowest).toBeGreaterThan(0);
});

test("a deployment that refuses messages fails the bench", async () => {
  const product = await startProduct();
  onTestFinished(() => product.discard());
  const tokens = path.join(benchFolder(), "tokens");
  mkdirSync(tokens);
  for (let i = 0; i < USERS; i += 1) writeFileSync(path.join(tokens, `bench-${i}`), await product.token(`bench-${i}`));
  await expect(bench("--url", product.url, "--token-command", `cat ${tokens}/{user}`, "--workload", "pairs-32", "--seconds", "1", "--rounds", "1"))
    .rejects.toThrow("the server says rate_limited");
});
