// `npm run verify`: real clients against a deployment, faults while they talk, and a verdict from the outside. Exit code 0:
// nothing wrong. 1: violations, with their evidence. 2: it could not be checked.
import { randomInt } from "node:crypto";
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { inspect } from "node:util";
import { buildVersions } from "./builds.ts";
import { type Deployment, expectHealthy, remote } from "./deployment.ts";
import { LocalDeployment } from "./local.ts";
import { commandOf, type Options, readOptions, USAGE, UsageError } from "./options.ts";
import { makePlan } from "./plan.ts";
import { explain, lastLine, table } from "./report.ts";
import { verify } from "./run.ts";
import { Spill } from "./spill.ts";

function optionsOrUsage(): Options {
  try {
    return readOptions(process.argv.slice(2), () => randomInt(0x1_0000_0000));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`verify: ${error.message}\n${USAGE}`);
    process.exit(2);
  }
}

const options = optionsOrUsage();
// Standard output belongs to the result where that is asked for.
const say = (line: string): void => (options.json ? console.error(line) : console.log(line));
let local: LocalDeployment | null = null;
const folder = makeFolder(options.folder);

function makeFolder(parent: string | null): string {
  if (parent !== null) mkdirSync(parent, { recursive: true });
  return realpathSync(mkdtempSync(path.join(parent ?? tmpdir(), "confab-verify-")));
}

function interrupted(): void {
  say("verify: stopped");
  void stop(true).finally(() => process.exit(130));
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, interrupted);
// A test that runs this keeps a channel to it: when the test is gone, so is its run.
process.once("disconnect", interrupted);
process.channel?.unref();

async function deploymentOf({ remote: given, bundles, busy }: Options): Promise<Deployment> {
  if (given !== null) return remote(given.url, given.token_command);
  local = new LocalDeployment({ folder, bundles: bundles.length > 0 ? bundles : await buildVersions(path.join(folder, "builds")), busy });
  say(`starting a deployment with data in ${local.dataDir}`);
  await local.start();
  return local;
}

try {
  say(commandOf(options));
  const deployment = await deploymentOf(options);
  await expectHealthy(deployment);
  // Users of an earlier run against the same deployment have their own conversations.
  const prefix = options.remote === null ? "v" : `v${Date.now().toString(36)}`;
  const spill = new Spill(folder);
  const result = await verify(deployment, makePlan(options.seed, options, prefix), spill, say, options.minutes);
  const ok = result.violations.length === 0;
  await stop(ok && !options.keep);
  for (const line of ["", ...table(result), ...explain(result.violations), ""]) say(line);
  if (!ok || options.keep) say(`everything that was recorded: ${folder}`);
  if (!ok) say(`again: ${commandOf(options)}\n`);
  if (options.json) process.stdout.write(`${JSON.stringify({ ...result, histories_hashed: spill.hashes, folder: ok && !options.keep ? null : folder }, null, 2)}\n`);
  say(lastLine(result));
  process.exitCode = ok ? 0 : 1;
} catch (error) {
  await stop(false);
  console.error(`verify: it could not be checked: ${inspect(error)}`);
  if (local !== null) console.error(`the deployment's own logs: ${(local as LocalDeployment).logs}`);
  process.exitCode = 2;
}

async function stop(discard: boolean): Promise<void> {
  await local?.stop();
  if (discard) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}
