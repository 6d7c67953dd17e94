// `npm run verify`: real clients against a deployment, faults while they talk, and a verdict from the outside. Exit code 0:
// nothing wrong. 1: violations, with their evidence. 2: it could not be checked.
import { randomInt } from "node:crypto";
import { inspect } from "node:util";
import { type Deployment, expectHealthy, remote } from "./deployment.ts";
import { LocalDeployment } from "./local.ts";
import { type Options, readOptions, USAGE, UsageError } from "./options.ts";
import { makePlan } from "./plan.ts";
import { explain, lastLine, table } from "./report.ts";
import { verify } from "./run.ts";

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

function interrupted(): void {
  say("verify: stopped");
  void stop(true).finally(() => process.exit(130));
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, interrupted);
// A test that runs this keeps a channel to it: when the test is gone, so is its run.
process.once("disconnect", interrupted);
process.channel?.unref();

async function deploymentOf({ remote: given, bundle }: Options): Promise<Deployment> {
  if (given !== null) return remote(given.url, given.token_command);
  local = new LocalDeployment(bundle);
  say(`starting a deployment with data in ${local.dataDir}`);
  await local.start();
  return local;
}

try {
  say(`seed ${options.seed}: ${options.rounds} rounds, ${options.clients} users with two devices each, ${options.messages} messages a round`);
  const deployment = await deploymentOf(options);
  await expectHealthy(deployment);
  // Users of an earlier run against the same deployment have their own conversations.
  const prefix = options.remote === null ? "v" : `v${Date.now().toString(36)}`;
  const result = await verify(deployment, makePlan(options.seed, options, prefix), say);
  const ok = result.violations.length === 0;
  await stop(ok);
  for (const line of ["", ...table(result), ...explain(result.violations), ""]) say(line);
  if (!ok) {
    if (deployment.logs !== null) say(`the deployment's own logs: ${deployment.logs}`);
    say(`again: npm run verify -- --seed ${options.seed} --rounds ${options.rounds} --clients ${options.clients} --messages ${options.messages}\n`);
  }
  if (options.json) process.stdout.write(`${JSON.stringify({ ...result, logs: ok ? null : deployment.logs }, null, 2)}\n`);
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
  if (discard) local?.discard();
}
