// How start runs archiver/main.ts: its environment, its output, and when it serves.
import { spawn, type ChildProcess } from "node:child_process";
import path from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { ChildSpec } from "./child.ts";
import { LineLog, type LineLevel } from "./line-log.ts";
import { LogFile } from "./log-file.ts";
import { endNoted, notePid } from "./orphans.ts";
import { HOST } from "../ports.ts";
import { untilOk } from "./serving.ts";

export interface ArchiverOptions {
  readonly port: number;
  /** Absolute. */
  readonly dataDir: string;
  /** S3_*, EDGE_URL, ARCHIVE_SECRET: what differs from the environment of start. */
  readonly env: Readonly<Record<string, string>>;
}

const SERVING_MS = 30_000;
const PROGRAM = fileURLToPath(new URL("../../archiver/main.ts", import.meta.url));
const TETHER = fileURLToPath(new URL("tether.ts", import.meta.url));

export function archiverChild(options: ArchiverOptions): ChildSpec {
  const lines = new LineLog("archiver", new LogFile(path.join(options.dataDir, "logs", "archiver.log")));
  return {
    name: "archiver",
    async clear() {
      await endNoted(options.dataDir, "archiver");
    },
    launch() {
      const child = spawn(process.execPath, ["--import", TETHER, PROGRAM], {
        detached: true,
        stdio: ["ignore", "pipe", "pipe", "ipc"],
        env: {
          // One that is started again after a kill has nobody to wait for but what it was itself.
          ARCHIVER_LEASE_MS: "2000",
          ...process.env,
          ...options.env,
          DATA_DIR: options.dataDir,
          TMPDIR: path.join(options.dataDir, "tmp"),
          ARCHIVER_PORT: String(options.port),
        },
      });
      if (child.pid !== undefined) notePid(options.dataDir, "archiver", child.pid);
      keepLines(child.stdout, "info", lines);
      keepLines(child.stderr, "error", lines);
      return child;
    },
    // Not /health: that fails while Cassandra is down, which a new process would not mend.
    untilServing: (_child, signal) => untilOk({ url: `http://${HOST}:${options.port}/metrics`, withinMs: SERVING_MS, signal }),
    ask: (child: ChildProcess) => { child.kill("SIGTERM"); },
  };
}

function keepLines(from: Readable | null, level: LineLevel, lines: LineLog): void {
  if (from === null) return;
  createInterface({ input: from }).on("line", (line) => lines.write(line, level));
}
