// `npm start`: builds, runs the edge and the archiver on data that persists, and keeps them running until Ctrl-C.
import { NotServing } from "./start/child.ts";
import { readPlan, UsageError } from "./start/plan.ts";
import { Run } from "./start/run.ts";

// The reader of our output may go first (`npm start | head`); chat goes on.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}

let run: Run | null = null;
let stopping = false;

async function stop(): Promise<void> {
  if (stopping) {
    run?.kill();
    return;
  }
  stopping = true;
  console.log("stopping");
  await run?.stop();
  console.log("stopped");
  process.exit(process.exitCode ?? 0);
}

function explain(error: unknown): string {
  if (error instanceof UsageError) return error.message;
  if (error instanceof NotServing) return `the edge did not start: ${error.message} (logs/edge.log in DATA_DIR may say more)`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => void stop());
// A test that starts the product keeps a channel to it: when the test is gone, so is its product.
process.once("disconnect", () => void stop());

try {
  run = new Run(readPlan(process.env, process.argv.slice(2)), (line) => console.log(line));
  await run.start();
} catch (error) {
  if (!stopping) {
    console.error(`confab: ${explain(error)}`);
    process.exitCode = 1;
    await run?.stop();
    process.exit(1);
  }
}
