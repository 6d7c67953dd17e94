// A checker that never fails shows nothing: four broken builds must each be caught, on a seed that the real one passes.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { build } from "../../scripts/build.ts";
import { sharedBundle } from "../product.ts";
import { size } from "../sizes.ts";
import { MUTANTS } from "./mutants.ts";
import { runVerify } from "./run-verify.ts";

const TIMEOUT_MS = 300_000;
const folder = mkdtempSync(path.join(tmpdir(), "confab-mutants-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function args(bundle: string): string[] {
  return ["--seed", "7", "--rounds", "2", "--clients", "4", "--messages", String(size("messages a round", 100, 300)), "--bundle", bundle];
}

describe.concurrent("verify, on one seed", { timeout: TIMEOUT_MS }, () => {
  test("[A4][A5][A23][C2] passes the build as it is", async () => {
    const { code, said, result } = await runVerify(args(await sharedBundle()));
    expect(result?.violations, said).toEqual([]);
    expect(code).toBe(0);
    expect(result?.kills).toBe(2);
    // Without pruned bodies the seam would not have been looked at.
    expect(result?.archived).toBeGreaterThan(0);
  });

  test.each(MUTANTS)("catches a build with $name as `$code`", async ({ name, code: violation, patch }) => {
    const outDir = path.join(folder, name.replaceAll(" ", "-"));
    await build({ outDir, patch });
    const { code, said, result } = await runVerify(args(outDir));
    expect(result?.violations.map((found) => found.code), said).toContain(violation);
    expect(code).toBe(1);
    expect(said.trimEnd().split("\n").at(-1)).toMatch(/^verify: \d+ violations?$/);
  });
});
