// The archiver as the process that it is: `node archiver/main.ts`, ended with the test.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { setImmediate as turn } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach } from "vitest";
import type { S3Config } from "../../archiver/config.ts";
import { SECRET } from "./fake-edge.ts";
import { NODE_ENV_OF_RUN } from "../product/node-env.ts";

const MAIN = fileURLToPath(new URL("../../archiver/main.ts", import.meta.url));

const undo: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).toReversed()) await step();
});

/** Removed after the test. */
export function freshFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "confab-archiver-"));
  undo.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function environment(s3: S3Config, edgeUrl: string, dataDir: string): Record<string, string> {
  return {
    S3_ENDPOINT: s3.endpoint, S3_REGION: s3.region, S3_BUCKET: s3.bucket, S3_ACCESS_KEY_ID: s3.accessKeyId, S3_SECRET_ACCESS_KEY: s3.secretAccessKey,
    EDGE_URL: edgeUrl, ARCHIVE_SECRET: SECRET, ARCHIVER_PORT: "0", ARCHIVER_POLL_MS: "50", ARCHIVER_LEASE_MS: "500", DATA_DIR: dataDir,
  };
}

export interface ArchiverProcess {
  /** All of stdout and stderr so far. */
  lines: string[];
  /** Resolves with the base URL once it listens; rejects when the process ends before. */
  listening: Promise<string>;
  /** Resolves with the exit code, or the signal's name. */
  ended: Promise<number | string>;
  kill(signal: NodeJS.Signals): void;
  /** Resolves once it stands still: a signal is not there when it is sent. */
  suspended(): Promise<void>;
  /** Ends its stdin. */
  hangUp(): void;
}

/** @param args what an operator asks; without any it archives */
export function startArchiver(env: Record<string, string>, args: readonly string[] = []): ArchiverProcess {
  const child = spawn(process.execPath, [MAIN, ...args], { env: { ...NODE_ENV_OF_RUN, ...env }, stdio: ["pipe", "pipe", "pipe"] });
  const lines: string[] = [];
  const ended = once(child, "close").then(([code, signal]) => (code ?? signal) as number | string);
  const listening = new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => {
        lines.push(line);
        const url = /"event":"archiver_listening","url":"([^"]+)"/.exec(line)?.[1];
        if (url !== undefined) resolve(url);
      });
    }
    void ended.then((how) => reject(new Error(`the archiver ended with ${how}:\n${lines.join("\n")}`)));
  });
  listening.catch(() => undefined);
  undo.push(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  return { lines, listening, ended, kill: (signal) => void child.kill(signal), suspended: () => untilStopped(child.pid as number), hangUp: () => void child.stdin.end() };
}

async function untilStopped(pid: number): Promise<void> {
  // proc(5): the state stands behind the name in parentheses.
  while (!/^\d+ \(.*\) T /.test(readFileSync(`/proc/${pid}/stat`, "utf8"))) await turn();
}
