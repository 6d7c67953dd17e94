// What a run of the tests consists of, as its command line says.
import { globSync } from "node:fs";
import { parseArgs } from "node:util";

export const PROJECTS = ["unit", "workerd", "e2e", "s3", "cassandra", "browser", "alone"] as const;
export type Project = (typeof PROJECTS)[number];
const CHECKS = ["lint", "types", "requirements"] as const;
export type Check = (typeof CHECKS)[number];

export type Options = {
  long: boolean;
  checks: Check[];
  /** The files to run, for each project that was asked for. */
  files: Map<Project, string[]>;
  /** Regular expression on a test's full name. */
  pattern: string | null;
  /** Whether everything runs: only then can the requirements be held against the tests. */
  whole: boolean;
};

export const USAGE = `usage: npm test -- [--long] [--only ${[...CHECKS, ...PROJECTS].join(",")}] [-t PATTERN] [FILE…]`;

/** They measure, or build where others build: nothing else may run beside them. */
export const ALONE: readonly string[] = ["test/bench/bench.e2e.test.ts", "test/scripts/deploy.e2e.test.ts"];

function projectOf(file: string): Project {
  if (ALONE.includes(file)) return "alone";
  const suffix = /\.(\w+)\.test\.ts$/.exec(file)?.[1];
  return PROJECTS.find((project) => project === suffix) ?? "unit";
}

/** Throws the usage when the arguments make no sense. */
export function parseOptions(args: string[]): Options {
  const { values, positionals } = parseArgs({
    args, allowPositionals: true,
    options: { long: { type: "boolean" }, only: { type: "string" }, testNamePattern: { type: "string", short: "t" } },
  });
  const only = values.only?.split(",") ?? [];
  const known: readonly string[] = [...CHECKS, ...PROJECTS];
  const unknown = only.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new Error(`no part of the tests is called ${unknown.join(", ")}\n${USAGE}`);

  const narrowed = positionals.length > 0 || values.testNamePattern !== undefined;
  // By their suffix they are end-to-end tests.
  if (only.includes("e2e")) only.push("alone");
  const wanted = (name: string): boolean => only.length === 0 || only.includes(name);
  const files = new Map<Project, string[]>();
  for (const project of PROJECTS.filter(wanted)) files.set(project, []);
  for (const file of globSync("test/**/*.test.ts").toSorted((a, b) => a.localeCompare(b))) {
    const project = projectOf(file);
    if (positionals.length > 0 && !positionals.some((part) => file.includes(part))) continue;
    files.get(project)?.push(file);
  }
  if (narrowed) for (const [project, list] of files) if (list.length === 0) files.delete(project);
  return {
    long: values.long ?? false,
    // A name or a file asks for tests, not for the checks around them.
    checks: CHECKS.filter((name) => (narrowed ? only.includes(name) : wanted(name))),
    files,
    pattern: values.testNamePattern ?? null,
    whole: only.length === 0 && !narrowed,
  };
}
