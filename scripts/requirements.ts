// Holds docs/requirements.md against the tests that ran: a row is done only by a test that passed.
import { existsSync, readFileSync } from "node:fs";
import type { TestResult } from "./test/report.ts";

const GROUPS = { A: 26, B: 20, C: 14, D: 18, E: 9 };
const IDS = Object.entries(GROUPS).flatMap(([letter, count]) => Array.from({ length: count }, (_, at) => `${letter}${at + 1}`));
/** Kinds that see the product from outside, or an object of it in its runtime. A plain unit test shows no requirement. */
const PROOF = /\.(e2e|browser|s3|cassandra|workerd)\.test\.ts$/;

type Row = { id: string; state: string; tests: string };
type Claim = { file: string; title: string | null };

/** `| A1 | short text | done or open | tests or note |`; a `\|` inside a cell is text. */
function parseRows(markdown: string): Row[] {
  const rows: Row[] = [];
  for (const line of markdown.split("\n")) {
    const cells = line.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
    const [, id = "", , state = "", tests = ""] = cells;
    if (/^[A-Z]\d+$/.test(id)) rows.push({ id, state, tests });
  }
  return rows;
}

/** The tests of a row: `file` or `file: title`, several with `<br>` between them. */
function parseClaims(cell: string): Claim[] {
  return cell.split("<br>").map((entry) => {
    const [, file = "", title] = /^`?([^\s:`]+)`?(?::\s*(.+))?$/.exec(entry.trim()) ?? [];
    return { file, title: title ?? null };
  });
}

/** `[A4 A23] …` carries A4 and A23. */
function carries(name: string, id: string): boolean {
  return [...name.matchAll(/\[([A-E]\d+(?:[ ,]+[A-E]\d+)*)\]/g)].some(([, ids = ""]) => ids.split(/[ ,]+/).includes(id));
}

/** `ran`: all tests of a whole run, or null to look at the table alone. */
type Evidence = { ran: TestResult[] | null; exists: (file: string) => boolean };

function wrongClaim(id: string, { file, title }: Claim, { ran, exists }: Evidence): string | null {
  if (!PROOF.test(file)) return `names "${file}", which is no test file that can show a requirement`;
  if (!exists(file)) return `names ${file}, which does not exist`;
  if (ran === null) return null;
  const matching = ran.filter((test) => test.file === file && (title === null ? carries(test.name, id) : test.name.includes(title)));
  if (matching.length === 0) return title === null ? `names ${file}, where no test with [${id}] ran` : `names "${title}", which did not run in ${file}`;
  const bad = matching.find(({ state }) => state !== "passed");
  return bad === undefined ? null : `names "${bad.name}" of ${file}, which did not pass`;
}

function wrongRow({ id, state, tests }: Row, evidence: Evidence): string[] {
  if (state === "open") return [];
  if (state !== "done") return [`${id} is "${state}", neither done nor open`];
  return parseClaims(tests).map((claim) => wrongClaim(id, claim, evidence)).filter((line) => line !== null).map((line) => `${id} ${line}`);
}

/** A line for each thing wrong with the table. */
export function requirementProblems(markdown: string, evidence: Evidence): string[] {
  const rows = parseRows(markdown);
  const count = (id: string): number => rows.filter((row) => row.id === id).length;
  return [
    ...IDS.filter((id) => count(id) === 0).map((id) => `${id} has no row`),
    ...IDS.filter((id) => count(id) > 1).map((id) => `${id} has ${count(id)} rows`),
    ...rows.filter(({ id }) => !IDS.includes(id)).map(({ id }) => `${id} is no requirement`),
    ...rows.flatMap((row) => wrongRow(row, evidence)),
  ];
}

/** The same for the table in `file`; the tests' paths are relative to the working folder. */
export function checkRequirements(file: string, ran: TestResult[] | null): string[] {
  if (!existsSync(file)) return [`${file} is missing`];
  return requirementProblems(readFileSync(file, "utf8"), { ran, exists: existsSync });
}
