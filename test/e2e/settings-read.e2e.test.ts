// Settings are read again while everything runs: a request that is given up meanwhile leaves nobody waiting.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { build, patchOnce } from "../../scripts/build.ts";
import { startProduct, type Product } from "../product.ts";
import { newUser, operator, type User } from "./api.ts";

const READ_MS = 300;
const outDir = mkdtempSync(path.join(tmpdir(), "confab-slow-settings-"));
let product: Product;
let service: User;

/** As if the Settings object were far away, and the last reading always old. */
const far = patchOnce(
  {
    name: "slow to read", file: "durable-objects/settings/object.ts", find: "  read(): SettingsPatch {",
    replace: `  async read(): Promise<SettingsPatch> {\n    await new Promise((resolve) => setTimeout(resolve, ${READ_MS}));`,
  },
  { name: "always old", file: "durable-objects/settings/current.ts", find: "const CACHE_MS = 60_000;", replace: "const CACHE_MS = 1;" },
  { name: "read by everybody", file: "durable-objects/settings/current.ts", find: "const PAUSE_MS = 1_000;", replace: "const PAUSE_MS = 1;" },
);

beforeAll(async () => {
  await build({ outDir, patch: far });
  product = await startProduct({ build: outDir });
  service = await operator(product);
});

afterAll(async () => {
  await product.discard();
  rmSync(outDir, { recursive: true, force: true });
});

function readSettings(signal: AbortSignal): Promise<number> {
  return fetch(`${product.url}/v1/admin/settings`, { headers: { authorization: `Bearer ${service.token}` }, signal }).then(({ status }) => status);
}

test("a request given up while settings are read, and one that ends before they are, hang nobody", async () => {
  for (const _round of [1, 2, 3]) {
    await expect(readSettings(AbortSignal.timeout(READ_MS / 5))).rejects.toThrow("aborted");
    expect(await readSettings(AbortSignal.timeout(10 * READ_MS))).toBe(200);
  }
  // New objects read settings before they do anything else.
  const [ann, bob] = await Promise.all([newUser(product, "ann"), newUser(product, "bob")]);
  expect((await ann.send(bob, "x")).seq).toBe(1);
});
