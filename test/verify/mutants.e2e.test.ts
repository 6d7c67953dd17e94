// A checker that never fails shows nothing: broken builds must each be caught, on a seed that the real one passes.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, inject, test } from "vitest";
import { build } from "../../scripts/build.ts";
import { buildVersions } from "../../scripts/verify-builds.ts";
import { sharedBundle } from "../product.ts";
import { size } from "../sizes.ts";
import { LONG_MUTANTS, type Mutant, MUTANTS } from "./mutants.ts";
import { runVerify } from "./run-verify.ts";

const TIMEOUT_MS = 300_000;
const folder = mkdtempSync(path.join(tmpdir(), "confab-mutants-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function args(bundle: string): string[] {
  return ["--seed", "7", "--rounds", "2", "--clients", "4", "--messages", String(2 * size("messages a round", 100, 300)), "--bundle", bundle];
}

async function expectCaught({ code: violation }: Mutant, given: readonly string[]): Promise<void> {
  const { code, said, result } = await runVerify(given);
  expect(result?.violations.map((found) => found.code), said).toContain(violation);
  expect(code).toBe(1);
  expect(said.trimEnd().split("\n").at(-1)).toMatch(/^verify: \d+ violations?$/);
}

describe.concurrent("verify, on one seed", { timeout: TIMEOUT_MS }, () => {
  test("[A4][A5][A23][C2] passes the build as it is", async () => {
    const { code, said, result } = await runVerify(args(await sharedBundle()));
    expect(result?.violations, said).toEqual([]);
    expect(code).toBe(0);
    expect(result?.kills).toBe(2);
    // Without pruned bodies the seam would not have been looked at.
    expect(result?.archived).toBeGreaterThan(0);
    expect(result?.archive_rows).toBeGreaterThan(0);
  });

  test.each(MUTANTS)("catches a build with $name as `$code`", async (mutant) => {
    const outDir = path.join(folder, mutant.name.replaceAll(" ", "-"));
    await build({ outDir, patch: mutant.patch });
    await expectCaught(mutant, args(outDir));
  });

  test.each(inject("long") ? LONG_MUTANTS : [])("catches, with evictions and deploys, a build with $name as `$code`", { timeout: 2 * TIMEOUT_MS }, async (mutant) => {
    const bundles = await buildVersions(path.join(folder, mutant.name.replaceAll(" ", "-")), mutant.edits);
    await expectCaught(mutant, ["--seed", "7", "--rounds", "6", "--kills", "9", "--clients", "6", "--messages", "3000", ...bundles.flatMap((bundle) => ["--bundle", bundle])]);
  });
});
