// The requirements table fails for what it claims without a test that passed.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { requirementProblems } from "../../scripts/requirements.ts";
import type { TestResult } from "../../scripts/test/report.ts";

const TABLE = readFileSync("docs/requirements.md", "utf8").replaceAll(/\| done \|.*\|$/gm, "| open | |");
const FILE = "test/e2e/pair.e2e.test.ts";

function withRow(row: string): string {
  return TABLE.replace(/^\| A4 .*$/m, row);
}

function problems(row: string, ran: TestResult[] | null = []): string[] {
  return requirementProblems(withRow(row), { ran, exists: (file) => file !== "test/gone.e2e.test.ts" });
}

function ran(name: string, state: TestResult["state"] = "passed", file = FILE): TestResult[] {
  return [{ file, name, state }];
}

test("a table of open rows is whole", () => {
  expect(requirementProblems(TABLE, { ran: [], exists: () => true })).toEqual([]);
});

test("a missing, a doubled and an unknown id", () => {
  expect(problems("")).toEqual(["A4 has no row"]);
  expect(problems("| A4 | x | open | |\n| A4 | x | open | |")).toEqual(["A4 has 2 rows"]);
  expect(problems("| A4 | x | open | |\n| A27 | x | open | |")).toEqual(["A27 is no requirement"]);
});

test("a state that is neither", () => {
  expect(problems("| A4 | x | nearly | |")).toEqual([`A4 is "nearly", neither done nor open`]);
});

describe("a done row", () => {
  const row = (cell: string): string => `| A4 | x | done | ${cell} |`;

  test("without a test", () => {
    expect(problems(row("seen by hand"))).toHaveLength(1);
    expect(problems(row(""))).toHaveLength(1);
  });

  test("with a plain unit test", () => {
    expect(problems(row("test/domain/append.test.ts"), ran("[A4] x", "passed", "test/domain/append.test.ts"))).toHaveLength(1);
  });

  test("with a file that does not exist", () => {
    expect(problems(row("test/gone.e2e.test.ts"))).toEqual(["A4 names test/gone.e2e.test.ts, which does not exist"]);
  });

  test("with a test that did not run, failed, or carries another id", () => {
    expect(problems(row(FILE))).toEqual([`A4 names ${FILE}, where no test with [A4] ran`]);
    expect(problems(row(FILE), ran("[A40] x"))).toHaveLength(1);
    expect(problems(row(FILE), ran("[A4] x", "passed", "test/e2e/other.e2e.test.ts"))).toHaveLength(1);
    expect(problems(row(FILE), ran("[A4] x", "failed"))).toEqual([`A4 names "[A4] x" of ${FILE}, which did not pass`]);
    expect(problems(row(FILE), ran("[A4] x", "skipped"))).toHaveLength(1);
    expect(problems(row(FILE), [...ran("[A4] x"), ...ran("[A4] y", "failed")])).toHaveLength(1);
  });

  test("with a test that passed", () => {
    expect(problems(row(`\`${FILE}\``), ran("[A4] x"))).toEqual([]);
    expect(problems(row(FILE), ran("acks [A23, A4] x"))).toEqual([]);
  });

  test("with a title", () => {
    expect(problems(row(`${FILE}: kills lose nothing`), ran("acks kills lose nothing"))).toEqual([]);
    expect(problems(row(`${FILE}: kills lose nothing`), ran("[A4] other"))).toEqual([`A4 names "kills lose nothing", which did not run in ${FILE}`]);
  });

  test("with several tests, one of which did not run", () => {
    expect(problems(row(`${FILE}<br>test/verify/kill.workerd.test.ts`), ran("[A4] x"))).toHaveLength(1);
  });

  test("in a partial run is held against the table alone", () => {
    expect(problems(row(FILE), null)).toEqual([]);
    expect(problems(row("seen by hand"), null)).toHaveLength(1);
  });
});
