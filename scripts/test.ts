// `npm test`: lint, types, every kind of test and the requirements table; stops at nothing and reports all.
import { rmSync } from "node:fs";
import path from "node:path";
import { checkRequirements } from "./requirements.ts";
import { endChildren, runChild } from "./test/child.ts";
import { type Options, parseOptions, type Project } from "./test/options.ts";
import { type Outcome, type Sizes, summary } from "./test/outcome.ts";
import { readReport, type TestResult } from "./test/report.ts";
import { makeRunFolder, memoryDisk, type Shared, SharedServers } from "./test/servers.ts";

const root = path.resolve(import.meta.dirname, "..");
const bin = (name: string): string => path.join(root, "node_modules", ".bin", name);
const MINUTE = 60_000;
const TYPES = { "types workers": "tsconfig.json", "types node": "tsconfig.node.json", "types web": "tsconfig.web.json", "types workerd tests": "test/workerd/tsconfig.json" };

/** These run while the servers come up. */
const NEED_NOTHING = new Set<Project>(["unit", "workerd"]);
/** These wait more than they work: they run beside all the others, once the servers are there. */
const BESIDE: readonly Project[] = ["browser", "cassandra"];
/** Files at once, on two cores: end-to-end tests wait for half of their time. */
const WORKERS: Partial<Record<Project, number>> = { e2e: 3 };

const outcomes: Outcome[] = [];
const sizes: Sizes = new Map();
const tests: TestResult[] = [];
const secondTries: string[] = [];

function title(name: string): void {
  console.log(`\n── ${name}`);
}

async function timed(name: string, run: () => Promise<{ passed: number; failures: string[] }>): Promise<void> {
  const begun = performance.now();
  const result = await run();
  outcomes.push({ name, ...result, seconds: (performance.now() - begun) / 1000 });
}

async function check(name: string, tool: string, args: string[]): Promise<void> {
  title(name);
  await timed(name, async () => {
    const ended = await runChild(bin(tool), args, process.env, 5 * MINUTE);
    return ended === 0 ? { passed: 1, failures: [] } : { passed: 0, failures: [`${tool} ${args.join(" ")} (${ended})`] };
  });
}

async function runProject(project: Project, options: Options, folder: string, shared: Shared, output: "now" | "at the end" = "now"): Promise<void> {
  if (output === "now") title(project);
  await timed(project, async () => {
    const missing = shared.missing.get(project);
    if (missing !== undefined) return { passed: 0, failures: [`not run: ${missing}`] };
    const json = path.join(folder, `${project}.json`);
    const named = options.pattern === null ? [] : ["-t", options.pattern];
    const workers = WORKERS[project] === undefined ? [] : [`--maxWorkers=${WORKERS[project]}`];
    const args = ["run", "--project", `${project}*`, "--reporter=default", "--reporter=json", `--outputFile.json=${json}`, ...workers, ...named];
    const env = { ...process.env, ...shared.env, TEST_LONG: options.long ? "1" : "0" };
    const ended = await runChild(bin("vitest"), [...args, ...(options.files.get(project) ?? [])], env, (options.long ? 60 : 20) * MINUTE, output);
    if (output === "at the end") title(`${project} (above)`);
    const report = readReport(json, root, options.pattern, ended, sizes);
    tests.push(...report.tests);
    secondTries.push(...report.secondTries.map((name) => `${project}: ${name}`));
    return { passed: report.tests.filter(({ state }) => state === "passed").length, failures: report.failures };
  });
}

/** @param unit environment of the unit tests */
async function run(options: Options, servers: SharedServers, folder: string, unit: Record<string, string>): Promise<void> {
  await servers.install();
  // They come up while lint, types and unit tests run.
  const starting = servers.start(folder);
  const runNamed = async (project: Project, shared: Shared, output: "now" | "at the end"): Promise<void> => {
    const files = options.files.get(project);
    if (files?.length === 0) outcomes.push({ name: project, passed: 0, failures: [], seconds: 0 });
    else if (files !== undefined) await runProject(project, options, folder, shared, output);
  };
  const beside = (async () => {
    const shared = await starting;
    for (const project of BESIDE) await runNamed(project, shared, "at the end");
  })();
  if (options.checks.includes("lint")) await check("lint", "oxlint", ["--type-aware"]);
  if (options.checks.includes("types")) for (const [name, file] of Object.entries(TYPES)) await check(name, "tsc", ["-p", file]);
  for (const project of options.files.keys()) {
    if (BESIDE.includes(project)) continue;
    await runNamed(project, NEED_NOTHING.has(project) ? { env: project === "unit" ? unit : {}, missing: new Map() } : await starting, "now");
  }
  await beside;
  if (options.checks.includes("requirements")) {
    title("requirements");
    await timed("requirements", async () => {
      const wrong = checkRequirements(path.join(root, "docs", "requirements.md"), options.whole ? tests : null);
      for (const line of wrong) console.log(line);
      return { passed: wrong.length === 0 ? 1 : 0, failures: wrong.length === 0 ? [] : [`docs/requirements.md: ${wrong.length} rows are wrong, listed above`] };
    });
  }
  if (tests.length === 0 && (options.whole || options.checks.length === 0)) outcomes.push({ name: "tests", passed: 0, failures: ["no test ran"], seconds: 0 });
}

async function main(): Promise<void> {
  process.chdir(root);
  const begun = performance.now();
  const options = parseOptions(process.argv.slice(2));
  const folder = makeRunFolder(path.join(root, ".cache", "test"));
  const disk = memoryDisk();
  const memory = disk === null ? null : makeRunFolder(disk);
  const servers = new SharedServers(new Set([...options.files].filter(([, files]) => files.length > 0).map(([project]) => project)));
  const cleanUp = async (): Promise<void> => {
    await servers.stop();
    for (const made of [folder, memory]) if (made !== null) rmSync(made, { recursive: true, force: true });
  };
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const) {
    process.once(signal, () => {
      endChildren();
      void cleanUp().finally(() => process.exit(code));
    });
  }
  try {
    // What unit tests commit they commit thousands of times, and nothing of it outlives them: that need not wait for a disk.
    await run(options, servers, folder, memory === null ? {} : { TMPDIR: memory });
  } finally {
    await cleanUp();
  }
  console.log(summary(outcomes, sizes, options.long, secondTries, (performance.now() - begun) / 1000));
  process.exitCode = outcomes.some(({ failures }) => failures.length > 0) ? 1 : 0;
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
