// Whether a build is still what its inputs would give: a list of every file that went in, with its hash.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

export interface Stamp {
  /** Settings of the build that are not in a file. */
  readonly settings: string;
  /** Path below the root → SHA-256 of the content. */
  readonly inputs: Readonly<Record<string, string>>;
  /** Paths below the output folder. */
  readonly outputs: readonly string[];
}

export function readStamp(file: string): Stamp | null {
  if (!existsSync(file)) return null;
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Stamp;
  } catch {
    // Cut off by a crash: build again.
    return null;
  }
}

export function writeStamp(file: string, stamp: Stamp): void {
  writeFileSync(file, `${JSON.stringify(stamp)}\n`);
}

export function hashInputs(root: string, inputs: Iterable<string>): Record<string, string> {
  return Object.fromEntries([...inputs].sort().map((input) => [input, hash(path.resolve(root, input))]));
}

/** False when a setting, an input or an output changed or is gone. `listed`: inputs that a folder holds now. */
export function isCurrent(stamp: Stamp | null, settings: string, root: string, outDir: string, listed: readonly string[]): boolean {
  if (stamp === null || stamp.settings !== settings) return false;
  if (listed.some((input) => stamp.inputs[input] === undefined)) return false;
  if (stamp.outputs.some((output) => !existsSync(path.join(outDir, output)))) return false;
  return Object.entries(stamp.inputs).every(([input, expected]) => hash(path.resolve(root, input)) === expected);
}

function hash(file: string): string {
  if (!existsSync(file)) return "absent";
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}
