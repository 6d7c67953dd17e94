// What the parts of a run came to, and how it is told.

export type Outcome = {
  /** A check or a project of tests. */
  name: string;
  passed: number;
  /** One line each: what failed, and where. */
  failures: string[];
  seconds: number;
};

/** The sizes of one name may differ between files: all are shown. */
export type Sizes = Map<string, Set<number>>;

function row(cells: string[]): string {
  const [name = "", ...numbers] = cells;
  return `  ${name.padEnd(26)}${numbers.map((cell) => cell.padStart(9)).join("")}`;
}

function sizesLine(sizes: Sizes, long: boolean): string {
  const listed = [...sizes].toSorted(([a], [b]) => a.localeCompare(b))
    .map(([name, values]) => `${name} ${[...values].toSorted((a, b) => a - b).map((value) => value.toLocaleString("en")).join(" and ")}`);
  const form = long ? "long form" : "short form (npm run test:long has the long one)";
  return `sizes, ${form}: ${listed.length === 0 ? "none recorded" : listed.join(", ")}`;
}

/**
 * The end of a run's output; its last line is `N passed, N failed`.
 * @param seconds of the whole run: parts of it run beside one another
 */
export function summary(outcomes: Outcome[], sizes: Sizes, long: boolean, secondTries: string[], seconds: number): string {
  const failures = outcomes.flatMap(({ name, failures: lines }) => lines.map((line) => `  ${name}: ${line}`));
  const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
  return [
    "",
    row(["", "passed", "failed", "seconds"]),
    ...outcomes.map(({ name, passed: good, failures: bad, seconds }) => row([name, String(good), String(bad.length), seconds.toFixed(1)])),
    row(["all", String(passed), String(failures.length), seconds.toFixed(1)]),
    "",
    ...(failures.length === 0 ? [] : ["failed:", ...failures, ""]),
    ...(secondTries.length === 0 ? [] : ["passed, but only when tried again:", ...secondTries.map((name) => `  ${name}`), ""]),
    sizesLine(sizes, long),
    `${passed} passed, ${failures.length} failed`,
  ].join("\n");
}
