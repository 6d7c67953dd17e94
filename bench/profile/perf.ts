// `perf` on a process: where all of its time goes, JavaScript as one frame, since perf knows no names for it.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { flameGraph, type Stacks } from "./flame.ts";

const PER_SECOND = 997;
const MAX_OUTPUT = 1 << 30;
const RECORDING = /^\[ perf record/;

/** The flame graph of a process while that work is done, as SVG. */
export async function perf(pid: number, work: () => Promise<unknown>): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), "confab-perf-"));
  const data = path.join(folder, "perf.data");
  try {
    const recording = spawn("perf", ["record", "-F", String(PER_SECOND), "-g", "-p", String(pid), "-o", data], { stdio: ["ignore", "ignore", "pipe"] });
    const said: string[] = [];
    recording.stderr.on("data", (chunk: Buffer) => said.push(chunk.toString()));
    const failed = once(recording, "error").then(([error]: Error[]) => {
      throw new Error(`perf is needed for a flame graph: ${error?.message}`);
    });
    const ended = once(recording, "exit");
    await Promise.race([work(), failed]);
    recording.kill("SIGINT");
    await Promise.race([ended, failed]);
    const { stdout } = await promisify(execFile)("perf", ["script", "-i", data, "-F", "comm,ip,sym"], { maxBuffer: MAX_OUTPUT });
    const stacks = fold(stdout);
    if (stacks.size === 0) throw new Error(`perf has no samples: ${said.filter((line) => !RECORDING.test(line)).join("")}`);
    return flameGraph(stacks);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A sample is a line with the thread's name and lines of frames, the innermost first, up to an empty one. */
export function fold(script: string): Stacks {
  const stacks = new Map<string, number>();
  for (const sample of script.split(/\n\s*\n/)) {
    const [thread, ...frames] = sample.trim().split("\n");
    if (thread === undefined || frames.length === 0) continue;
    const names = frames.map((frame) => nameOf(frame.trim().replace(/^[0-9a-f]+ /, ""))).toReversed();
    const stack = [thread.trim(), ...names.filter((name, i) => name !== JAVASCRIPT || names[i - 1] !== JAVASCRIPT)].join(";");
    stacks.set(stack, (stacks.get(stack) ?? 0) + 1);
  }
  return stacks;
}

const JAVASCRIPT = "[JavaScript]";

function nameOf(symbol: string): string {
  if (symbol === "[unknown]") return JAVASCRIPT;
  // Without arguments and the arguments of templates, which hide the name.
  let name = symbol.replaceAll("(anonymous namespace)::", "").replaceAll("->", "");
  for (let before = ""; before !== name;) {
    before = name;
    name = name.replace(/<[^<>]*>/g, "");
  }
  return (name.replace(/[(<].*$/, "") || symbol).replaceAll(";", ":");
}
