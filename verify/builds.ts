// The versions between which a run's deploys switch, built by the repository's own build.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const BUILD = fileURLToPath(new URL("../scripts/verify-builds.ts", import.meta.url));
const run = promisify(execFile);

/** Their folders, in the order in which they are deployed. */
export async function buildVersions(folder: string): Promise<string[]> {
  const { stdout } = await run(process.execPath, [BUILD, folder]);
  return stdout.trim().split("\n");
}
