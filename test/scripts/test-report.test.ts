// What counts as a failure of a run: more than vitest itself calls one.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { LONG } from "../../scripts/test/longest-first.ts";
import { ALONE, parseOptions } from "../../scripts/test/options.ts";
import { type Sizes, summary } from "../../scripts/test/outcome.ts";
import { readReport } from "../../scripts/test/report.ts";

const folder = mkdtempSync(path.join(tmpdir(), "confab-report-"));
afterAll(() => rmSync(folder, { recursive: true }));

type Assertion = { fullName: string; status: string; meta?: object };

function report(tests: Assertion[], more: { status?: string; message?: string; ended?: number | string; pattern?: string; sizes?: Sizes } = {}): ReturnType<typeof readReport> {
  const json = path.join(folder, "report.json");
  const { status = "passed", message = "", ended = 0, pattern = null, sizes = new Map<string, Set<number>>() } = more;
  writeFileSync(json, JSON.stringify({ testResults: [{ name: "/root/test/a.test.ts", status, message, assertionResults: tests }] }));
  return readReport(json, "/root", pattern, ended, sizes);
}

const good: Assertion = { fullName: "good", status: "passed" };

test("passed tests are no failure", () => {
  expect(report([good])).toEqual({ tests: [{ file: "test/a.test.ts", name: "good", state: "passed" }], failures: [], secondTries: [] });
});

test("what passed only when it was tried again is named, and is no failure", () => {
  const { failures, secondTries } = report([{ ...good, meta: { tries: 2, missed: "not within 10 s\nat x" } }, { fullName: "at once", status: "passed", meta: { tries: 1 } }]);
  expect([failures, secondTries]).toEqual([[], ["test/a.test.ts > good: not within 10 s"]]);
  expect(summary([], new Map(), false, secondTries, 1)).toContain("passed, but only when tried again:\n  test/a.test.ts > good: not within 10 s\n");
});

test.each(["skipped", "pending", "todo", "disabled"])("a %s test is a failure", (status) => {
  expect(report([good, { fullName: "later", status }]).failures).toEqual([`test/a.test.ts > later (did not run: ${status})`]);
});

test("a failed test is named", () => {
  expect(report([{ fullName: "bad", status: "failed" }], { status: "failed", ended: 1 }).failures).toEqual(["test/a.test.ts > bad"]);
});

test("a file that does not load, and one without tests", () => {
  expect(report([], { status: "failed", message: "no such module\nat x", ended: 1 }).failures).toEqual(["test/a.test.ts: no such module"]);
  expect(report([]).failures).toEqual(["test/a.test.ts holds no test"]);
});

test("an error outside the tests", () => {
  expect(report([good], { ended: 1 }).failures).toHaveLength(1);
  expect(report([good, { fullName: "later", status: "skipped" }], { ended: 1 }).failures).toHaveLength(2);
});

test("a run that hung, and one without a report", () => {
  expect(report([good], { ended: "ended after 540 s" }).failures).toEqual(["vitest: ended after 540 s"]);
  expect(readReport(path.join(folder, "none.json"), "/root", null, 1, new Map()).failures).toHaveLength(1);
});

test("a name filter leaves others out, not the skipped one that it asks for", () => {
  const { tests, failures } = report([good, { fullName: "later", status: "skipped" }, { fullName: "other", status: "skipped" }], { pattern: "good|later" });
  expect(tests).toHaveLength(2);
  expect(failures).toHaveLength(1);
});

test("the last line counts everything, and sizes are shown", () => {
  const sizes: Sizes = new Map();
  report([{ ...good, meta: { sizes: { messages: 1000 } } }], { sizes });
  const text = summary([{ name: "lint", passed: 1, failures: [], seconds: 1 }, { name: "unit", passed: 2, failures: ["test/a.test.ts > bad"], seconds: 2 }], sizes, false, [], 3);
  expect(text.split("\n").at(-1)).toBe("3 passed, 1 failed");
  expect(text).toContain("  unit: test/a.test.ts > bad");
  expect(text).toContain("sizes, short form (npm run test:long has the long one): messages 1,000");
});

describe("the command line", () => {
  test("nothing asks for everything", () => {
    const { checks, files, whole, long } = parseOptions([]);
    expect(checks).toEqual(["lint", "types", "requirements"]);
    expect([...files.keys()]).toEqual(["unit", "workerd", "e2e", "s3", "cassandra", "browser", "alone"]);
    expect(files.get("unit")).toContain("test/scripts/test-report.test.ts");
    expect([whole, long]).toEqual([true, false]);
  });

  test("--only, a file, a name", () => {
    expect(parseOptions(["--only", "unit,lint"])).toMatchObject({ checks: ["lint"], whole: false });
    const { files, checks } = parseOptions(["scripts/test-report"]);
    expect([[...files], checks]).toEqual([[["unit", ["test/scripts/test-report.test.ts"]]], []]);
    expect(parseOptions(["-t", "[A1]", "--long"])).toMatchObject({ pattern: "[A1]", long: true, checks: [], whole: false });
  });

  test("an unknown part", () => {
    expect(() => parseOptions(["--only", "units"])).toThrow("units");
  });
});

test("the files that are said to take long are there", () => {
  const listed = Object.keys(LONG);
  expect(listed.filter((file) => !existsSync(path.join(import.meta.dirname, "../..", file)))).toEqual([]);
  expect(Object.values(LONG)).toEqual(Object.values(LONG).toSorted((a, b) => b - a));
});

test("what measures runs alone, also when its suffix is asked for", () => {
  const { files } = parseOptions(["--only", "e2e"]);
  expect(files.get("alone")).toEqual(ALONE);
  expect(files.get("e2e")?.filter((file) => ALONE.includes(file))).toEqual([]);
});
