// The soak as its user runs it: seconds of it here; in the long form also the quiet time in which objects are put away.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import type { Counts, Findings } from "../../bench/soak/link.ts";
import type { Sample } from "../../bench/soak/samples.ts";
import type { Answer } from "../../bench/soak/verdict.ts";
import { sharedBundle } from "../product.ts";
import { size } from "../sizes.ts";

const SOAK = path.resolve(import.meta.dirname, "../../bench/soak/main.ts");

test("everything acknowledged in a soak is there, once, in order and on every device, and nothing is left undisposed", async () => {
  const out = mkdtempSync(path.join(tmpdir(), "confab-soak-test-"));
  onTestFinished(() => rmSync(out, { recursive: true, force: true }));
  const seconds = size("seconds of soak", 6, 80);
  const running = promisify(execFile)(process.execPath, [SOAK, "--bundle", await sharedBundle(), "--minutes", String(seconds / 60), "--sockets", "40", "--rate", "20", "--out", out]);
  onTestFinished(() => {
    running.child.kill();
  });
  const { stdout } = await running;
  const read = (name: string): string => readFileSync(path.join(out, name), "utf8");
  const result = JSON.parse(read("soak.json")) as { answers: Answer[]; counts: Counts; findings: Findings[] };
  const holds = (question: RegExp): boolean | null | undefined => result.answers.find((answer) => question.test(answer.question))?.holds;
  expect(holds(/every acknowledged message/)).toBe(true);
  expect(holds(/undisposed/)).toBe(true);
  expect(holds(/serves to the end/)).toBe(true);
  expect(holds(/put away/)).toBe(seconds < 80 ? null : true);
  expect(result.counts.acked).toBeGreaterThan(50);
  expect(result.counts.delivered).toBeGreaterThan(result.counts.acked);
  expect(result.findings[0]?.acked).toBeGreaterThan(50);
  const samples = read("samples.ndjson").trim().split("\n").map((line) => JSON.parse(line) as Sample);
  expect(Math.max(...samples.map(({ server }) => server?.awake["UserSession"] ?? 0))).toBeGreaterThan(20);
  expect(samples.at(-1)?.server?.runtime_rss_mb).toBeGreaterThan(50);
  expect(read("soak.svg")).toMatch(/^<svg [\s\S]*<\/svg>\n$/);
  expect(stdout).toContain("every acknowledged message is there");
});
