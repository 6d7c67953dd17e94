// Starts `npm start` on free ports and a temporary folder, without a rate limit, and ends it.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { processTree } from "./processes.ts";

const START = path.join(import.meta.dirname, "..", "scripts", "start.ts");
const READY_MS = 60_000;
/** Below the range from which the kernel takes ports for outgoing connections. */
const PORTS = { lowest: 23_500, highest: 23_999 };
/** As deployed, but for the rate limit: segments are sealed by number, and not every 10 s as `npm start` does. */
const DEPLOYED = { CONFAB_RATE_LIMIT: "0", CONFAB_SEAL_AFTER_MS: String(24 * 3_600_000) };
/** A shell that deploys must not have the bench write to its own archive, nor run with its secrets. */
const FOREIGN = /^(?:AUTH|ARCHIVER|CASSANDRA|S3|MEDIA)_|^(?:PORTS?|DATA_DIR|ENVIRONMENT|DEV_ISSUER|ALLOWED_ORIGINS|ARCHIVE_\w+|JURISDICTION|EDGE_URL|INSPECTOR_PORT)$/;

export interface Launched {
  url: string;
  /** Where the runtime's profiler answers; null where it was not asked for. */
  inspector: string | null;
  archiverUrl: string;
  dataDir: string;
  pids: { edge: number[]; workerd: number; archiver: number };
  /** @param keep the folder stays, with its logs */
  stop(keep: boolean): Promise<void>;
}

export async function launch(bundle: string | null, more: Readonly<Record<string, string>>, inspected = false): Promise<Launched> {
  const dataDir = mkdtempSync(path.join(tmpdir(), "confab-bench-"));
  const [port, archiverPort, inspectorPort] = [await freePort(), await freePort(), inspected ? await freePort() : null];
  const own = Object.fromEntries(Object.entries(process.env).filter(([name]) => !FOREIGN.test(name)));
  const child = spawn(process.execPath, [START, ...(bundle === null ? [] : ["--bundle", bundle])], {
    // The channel ends the product when this process dies, however it dies.
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    env: { ...DEPLOYED, ...more, ...own, PORT: String(port), ARCHIVER_PORT: String(archiverPort), DATA_DIR: dataDir, ...(inspectorPort === null ? {} : { INSPECTOR_PORT: String(inspectorPort) }) },
  });
  child.channel?.unref();
  const exited = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
  });
  let serving = false;
  const stop = async (keep: boolean): Promise<void> => {
    serving = false;
    child.kill("SIGTERM");
    await exited;
    if (keep) console.log(`data and logs are kept in ${dataDir}`);
    else rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
  };
  const lines: string[] = [];
  const ready = Promise.withResolvers<void>();
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on("line", (line) => {
      // Once it is ready, start speaks only of what goes wrong.
      if (serving) console.log(`start: ${line}`);
      else lines.push(line);
      if (line.startsWith("ready ")) ready.resolve();
    });
  }
  const late = setTimeout(() => ready.reject(new Error(`no line "ready" in ${READY_MS} ms:\n${lines.join("\n")}`)), READY_MS);
  void exited.then(() => ready.reject(new Error(`start ended with code ${child.exitCode}:\n${lines.join("\n")}`)));
  try {
    await ready.promise;
    serving = true;
  } catch (error) {
    await stop(false);
    throw error;
  } finally {
    clearTimeout(late);
  }
  const noted = (role: string): number => Number(readFileSync(path.join(dataDir, "run", `${role}.pid`), "utf8"));
  return {
    url: `http://127.0.0.1:${port}`, archiverUrl: `http://127.0.0.1:${archiverPort}`, dataDir,
    inspector: inspectorPort === null ? null : `127.0.0.1:${inspectorPort}`,
    pids: { edge: processTree(noted("edge")).map(({ pid }) => pid), workerd: noted("runtime"), archiver: noted("archiver") },
    stop,
  };
}

async function freePort(): Promise<number> {
  for (;;) {
    const port = PORTS.lowest + Math.floor(Math.random() * (PORTS.highest - PORTS.lowest + 1));
    const free = await new Promise<boolean>((resolve) => {
      const probe = createServer();
      probe.once("error", () => resolve(false));
      probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
    });
    if (free) return port;
  }
}
