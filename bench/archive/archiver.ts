// The archiver's process under measurement: its lines, its memory and its CPU.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { cpuOf } from "../processes.ts";

const MAIN = path.join(import.meta.dirname, "..", "..", "archiver", "main.ts");
/** What concerns how Node itself runs; the rest of a shell's settings must not get into a measurement. */
const NODE_ENV_OF_RUN = Object.fromEntries(["PATH", "NODE_OPTIONS", "MALLOC_ARENA_MAX"].flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])));
const run = promisify(execFile);
const SAMPLE_MS = 250;
const READY_MS = 60_000;

export interface Measured {
  url: string;
  /** Resident memory in MB, every quarter of a second. */
  rss: number[];
  /** Lines that say of trouble. */
  troubles: string[];
  cpuMs(): number;
  /** SIGTERM; resolves with the exit code, or the signal's name. */
  stop(): Promise<number | string>;
}

function rssMb(pid: number): number | null {
  try {
    const kb = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return kb === undefined ? null : Number(kb) / 1_024;
  } catch {
    // It has ended.
    return null;
  }
}

/** Lets an archiver create the keyspace, or several would wait for the one that does. Throws what it says where it fails. */
export async function prepareStore(env: Readonly<Record<string, string>>): Promise<void> {
  await run(process.execPath, [MAIN, "--once"], { env: { ...NODE_ENV_OF_RUN, ...env } });
}

/** Resolves once it listens. */
export async function startArchiver(env: Readonly<Record<string, string>>, profile: string | null): Promise<Measured> {
  const flags = profile === null ? [] : ["--cpu-prof", "--cpu-prof-dir", profile];
  const child = spawn(process.execPath, [...flags, MAIN], { env: { ...NODE_ENV_OF_RUN, ...env }, stdio: ["pipe", "pipe", "pipe"] });
  const pid = child.pid as number;
  const ended = once(child, "close").then(([code, signal]) => (code ?? signal) as number | string);
  const listening = Promise.withResolvers<string>();
  const troubles: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      const url = /"event":"archiver_listening","url":"([^"]+)"/.exec(line)?.[1];
      if (url !== undefined) listening.resolve(url);
      if (/"level":"error"|_unavailable"|^archiver:/.test(line)) troubles.push(line);
    });
  }
  const late = setTimeout(() => listening.reject(new Error("the archiver does not listen")), READY_MS);
  void ended.then((how) => listening.reject(new Error(`the archiver ended with ${how}:\n${troubles.join("\n")}`)));
  const rss: number[] = [];
  const sampling = setInterval(() => {
    const now = rssMb(pid);
    if (now !== null) rss.push(now);
  }, SAMPLE_MS);
  void ended.then(() => clearInterval(sampling));
  try {
    return {
      url: await listening.promise, rss, troubles, cpuMs: () => cpuOf(pid),
      stop: () => {
        child.kill("SIGTERM");
        return ended;
      },
    };
  } catch (error) {
    child.kill("SIGKILL");
    await ended;
    throw error;
  } finally {
    clearTimeout(late);
  }
}
