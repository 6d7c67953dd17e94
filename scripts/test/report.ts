// Reads vitest's JSON report of one project.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import type { Sizes } from "./outcome.ts";

export type TestResult = { file: string; name: string; state: "passed" | "failed" | "skipped" };

type JsonReport = {
  testResults: {
    name: string;
    status: string;
    message: string;
    assertionResults: { fullName: string; status: string; meta?: { sizes?: Record<string, number>; tries?: number; missed?: string } }[];
  }[];
};

/** `secondTries`: passed, but not at once: a rare failure of the product or of the test, to be looked at. */
export type Report = { tests: TestResult[]; failures: string[]; secondTries: string[] };

function read(file: string): JsonReport | null {
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as JsonReport) : null;
}

function note(sizes: Sizes, used: Record<string, number>): void {
  for (const [name, value] of Object.entries(used)) sizes.set(name, (sizes.get(name) ?? new Set()).add(value));
}

/**
 * Every test of the report and a line for each thing that is wrong, including what the report does not call a failure: a
 * skipped test, a file without tests, an error outside tests. `pattern` is the name filter of the run, which leaves other
 * tests out. `ended` is vitest's exit code, or why it has none.
 */
export function readReport(jsonFile: string, root: string, pattern: string | null, ended: number | string, sizes: Sizes): Report {
  const report = read(jsonFile);
  const tests: TestResult[] = [];
  const failures: string[] = [];
  const secondTries: string[] = [];
  const wanted = pattern === null ? null : new RegExp(pattern);
  /** What vitest's exit code speaks of, too. */
  let known = 0;
  for (const { name, message, status, assertionResults } of report?.testResults ?? []) {
    const file = path.relative(root, name);
    const before = failures.length;
    for (const result of assertionResults) {
      if (wanted !== null && !wanted.test(result.fullName)) continue;
      note(sizes, result.meta?.sizes ?? {});
      const state = result.status === "passed" || result.status === "failed" ? result.status : "skipped";
      tests.push({ file, name: result.fullName, state });
      if (state === "passed" && (result.meta?.tries ?? 1) > 1) secondTries.push(`${file} > ${result.fullName}: ${result.meta?.missed?.split("\n")[0] ?? "nobody knows why"}`);
      if (state === "failed") failures.push(`${file} > ${result.fullName}`);
      if (state === "skipped") failures.push(`${file} > ${result.fullName} (did not run: ${result.status})`);
    }
    if (status === "failed") known += 1;
    if (status === "failed" && failures.length === before) failures.push(`${file}: ${message.split("\n")[0] || "failed outside its tests"}`);
    else if (assertionResults.length === 0 && failures.length === before) failures.push(`${file} holds no test`);
  }
  if (typeof ended === "string") failures.push(`vitest: ${ended}`);
  else if (report === null) failures.push(`vitest ended with code ${ended} and left no report`);
  else if (ended !== 0 && known === 0) failures.push(`an error outside the tests, shown above (exit code ${ended})`);
  return { tests, failures, secondTries };
}
