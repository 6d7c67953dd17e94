// The servers that one run of the tests shares, on free ports and in a folder of its own.
import { accessSync, constants, mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync } from "node:fs";
import path from "node:path";
import { isAlive, startTime } from "../bootstrap/lock.mjs";
import { installCassandra } from "../services/cassandra-jars.ts";
import { startCassandra } from "../services/cassandra.ts";
import { installChromium } from "../services/chromium.ts";
import { installS3, startS3 } from "../services/s3.ts";
import type { ServerProcess } from "../services/server.ts";
import type { Project } from "./options.ts";

/** What the tests are told, and why some kinds can't run. */
export type Shared = { env: Record<string, string>; missing: Map<Project, string> };

/** A disk in memory that has room for what unit tests write; null where there is none. */
export function memoryDisk(disk = "/dev/shm", bytes = 2 ** 30): string | null {
  try {
    const { bavail, bsize } = statfsSync(disk);
    accessSync(disk, constants.W_OK);
    return bavail * bsize >= bytes ? path.join(disk, "confab-test") : null;
  } catch {
    // Not a Linux, or nothing of ours.
    return null;
  }
}

/** An empty folder in `parent` that names its run; those of runs that were killed are removed. */
export function makeRunFolder(parent: string): string {
  mkdirSync(parent, { recursive: true });
  for (const name of readdirSync(parent)) {
    const [pid, started = ""] = name.split("-");
    if (!isAlive(Number(pid), started)) rmSync(path.join(parent, name), { recursive: true, force: true });
  }
  return mkdtempSync(path.join(parent, `${process.pid}-${startTime(process.pid)}-`));
}

type Part = { project: Project; install: () => Promise<unknown>; start: (folder: string) => Promise<Started> };
type Started = { env: Record<string, string>; server: ServerProcess | null };

const PARTS: Part[] = [
  {
    project: "cassandra", install: installCassandra,
    start: async (folder) => {
      const server = await startCassandra({ dataDir: path.join(folder, "cassandra"), brief: true });
      return { server, env: { TEST_CASSANDRA: `${server.host}:${server.port}` } };
    },
  },
  {
    project: "s3", install: installS3,
    start: async (folder) => {
      const server = await startS3({ dataDir: path.join(folder, "s3") });
      const { endpoint, accessKeyId, secretAccessKey, region } = server;
      return { server, env: { TEST_S3: JSON.stringify({ endpoint, accessKeyId, secretAccessKey, region }) } };
    },
  },
  {
    project: "browser", install: installChromium,
    start: async () => ({ server: null, env: { TEST_CHROMIUM: await installChromium() } }),
  },
];

/** A test may use more than its suffix says: archiving into Cassandra reads from S3. */
function needs(project: Project, wanted: ReadonlySet<Project>): boolean {
  return wanted.has(project) || (project === "s3" && wanted.has("cassandra"));
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Installs and then starts what the wanted projects need; one that can't be had is named, and the others go on. */
export class SharedServers {
  private readonly missing = new Map<Project, string>();
  private readonly servers: ServerProcess[] = [];
  private readonly parts: Part[];

  constructor(wanted: ReadonlySet<Project>) {
    this.parts = PARTS.filter(({ project }) => needs(project, wanted));
  }

  /** One after the other: each may use the system's package manager. */
  async install(): Promise<void> {
    for (const { project, install } of this.parts) {
      try {
        await install();
      } catch (error) {
        this.missing.set(project, reason(error));
      }
    }
  }

  async start(folder: string): Promise<Shared> {
    const ready = this.parts.filter(({ project }) => !this.missing.has(project));
    const environments = await Promise.all(ready.map(async ({ project, start }) => {
      try {
        const { env, server } = await start(folder);
        if (server !== null) this.servers.push(server);
        return env;
      } catch (error) {
        this.missing.set(project, reason(error));
        return {};
      }
    }));
    return { env: Object.fromEntries(environments.flatMap(Object.entries)) as Record<string, string>, missing: this.missing };
  }

  /** Without ceremony: their data goes too. */
  async stop(): Promise<void> {
    for (const server of this.servers) server.kill();
    await Promise.all(this.servers.map((server) => server.stop()));
  }
}
