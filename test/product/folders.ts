// Fresh data folders for products under test: below the temporary folder, named after the test process.
import { mkdtempSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { isAlive } from "./processes.ts";

const PREFIX = "confab-test-";

/** Also removes the folders of test processes that are dead: a runner may kill its workers without notice. */
export function freshFolder(): string {
  const parent = realpathSync(tmpdir());
  for (const name of readdirSync(parent)) {
    const owner = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
    if (owner !== undefined && !isAlive(Number(owner))) removeFolder(path.join(parent, name));
  }
  return mkdtempSync(path.join(parent, `${PREFIX}${process.pid}-`));
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}
