// Runs one of the project's TypeScript files on the pinned Node: `node scripts/bootstrap.mjs <script.ts> [args]`.
// Plain JavaScript for Node 20 with no dependency, because it is what installs them.
import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { installProblem, markInstalled } from "./bootstrap/installed.mjs";
import { withLock } from "./bootstrap/lock.mjs";
import { runNpmCi } from "./bootstrap/npm-ci.mjs";
import { chooseNode } from "./bootstrap/node.mjs";
import { runInPlace } from "./bootstrap/run.mjs";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const [script, ...args] = process.argv.slice(2);

function fail(message) {
  process.stderr.write(`confab: ${message}\n`);
  process.exit(1);
}

if (script === undefined) fail("usage: node scripts/bootstrap.mjs <script.ts> [arguments]");
if (!existsSync(path.join(root, script))) fail(`${script} does not exist`);

try {
  if (installProblem(root) !== null) {
    const waiting = (pid) => process.stderr.write(`confab: waiting for another installation (process ${pid})\n`);
    await withLock(path.join(root, ".cache", "install.lock"), waiting, async (share) => {
      // Asked again: whoever held the lock may just have installed.
      const problem = installProblem(root);
      if (problem === null) return;
      await runNpmCi(root, problem, share);
      markInstalled(root);
    });
  }
  await runInPlace(chooseNode(root), [path.join(root, script), ...args], root);
} catch (error) {
  fail(error instanceof Error ? error.message : String(error));
}
