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
/** Of what only computes: whoever waits for a running server goes first. */
const STAND_BACK = 5;
/** Three nodes of Cassandra at once, and the data folders of their tests. */
const ROOM_BYTES = 4 * 2 ** 30;
const TYPES = { "types workers": "tsconfig.json", "types node": "tsconfig.node.json", "types web": "tsconfig.web.json", "types workerd tests": "test/workerd/tsconfig.json" };

/** These run while the servers come up. */
const NEED_NOTHING = new Set<Project>(["unit", "workerd"]);
/** Lanes run beside one another, each in its order; the first follows lint and types. What runs alone comes after all of them. */
const LANES: readonly (readonly [Project, ...Project[]])[] = [["unit", "workerd", "s3"], ["e2e"], ["cassandra", "browser"]];
/** Files at once, on two cores: end-to-end tests wait for half of their time. */
const WORKERS: Partial<Record<Project, number>> = { e2e: 3 };
/** What these commit they commit thousands of times, and nothing of it outlives them: that need not wait for a disk. */
const IN_MEMORY: Partial<Record<Project, "memory" | "room">> = { unit: "memory", cassandra: "room" };

/** Folders of this run: on the disk, and on one in memory, `room` where there is space for database nodes. */
interface Folders {
  disk: string;
  memory: string | null;
  room: string | null;
}

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
    const ended = await runChild(bin(tool), args, process.env, 5 * MINUTE, { nice: STAND_BACK });
    return ended === 0 ? { passed: 1, failures: [] } : { passed: 0, failures: [`${tool} ${args.join(" ")} (${ended})`] };
  });
}

async function runProject(project: Project, options: Options, folders: Folders, shared: Shared, output: "now" | "at the end"): Promise<void> {
  if (output === "now") title(project);
  await timed(project, async () => {
    const missing = shared.missing.get(project);
    if (missing !== undefined) return { passed: 0, failures: [`not run: ${missing}`] };
    const json = path.join(folders.disk, `${project}.json`);
    const named = options.pattern === null ? [] : ["-t", options.pattern];
    const workers = WORKERS[project] === undefined ? [] : [`--maxWorkers=${WORKERS[project]}`];
    const args = ["run", "--project", project, "--reporter=default", "--reporter=json", `--outputFile.json=${json}`, ...workers, ...named];
    const memory = IN_MEMORY[project] === undefined ? null : folders[IN_MEMORY[project]];
    const env = { ...process.env, ...shared.env, TEST_LONG: options.long ? "1" : "0", ...(memory === null ? {} : { TMPDIR: memory }) };
    const files = options.files.get(project) ?? [];
    const ended = await runChild(bin("vitest"), [...args, ...files], env, (options.long ? 60 : 20) * MINUTE, { output });
    if (output === "at the end") title(`${project} (above)`);
    const report = readReport(json, root, options.pattern, ended, sizes);
    tests.push(...report.tests);
    secondTries.push(...report.secondTries.map((name) => `${project}: ${name}`));
    return { passed: report.tests.filter(({ state }) => state === "passed").length, failures: report.failures };
  });
}

async function runChecks(options: Options): Promise<void> {
  if (options.checks.includes("lint")) await check("lint", "oxlint", ["--type-aware"]);
  if (options.checks.includes("types")) for (const [name, file] of Object.entries(TYPES)) await check(name, "tsc", ["-p", file]);
}

async function run(options: Options, servers: SharedServers, folders: Folders): Promise<void> {
  await servers.install();
  // They come up while lint, types and unit tests run.
  const starting = servers.start(folders.room ?? folders.disk);
  const runNamed = async (project: Project, output: "now" | "at the end"): Promise<void> => {
    const files = options.files.get(project);
    if (files?.length === 0) outcomes.push({ name: project, passed: 0, failures: [], seconds: 0 });
    else if (files !== undefined) await runProject(project, options, folders, NEED_NOTHING.has(project) ? { env: {}, missing: new Map() } : await starting, output);
  };
  await Promise.all(LANES.map(async (lane, i) => {
    if (i === 0) await runChecks(options);
    for (const project of lane) await runNamed(project, i === 0 ? "now" : "at the end");
  }));
  await runNamed("alone", "now");
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
  const inMemory = memoryDisk();
  const memory = inMemory === null ? null : makeRunFolder(inMemory);
  const folders = { disk: folder, memory, room: memoryDisk(undefined, ROOM_BYTES) === null ? null : memory };
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
    await run(options, servers, folders);
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
