// One run of the product: from the lock on DATA_DIR to the line `ready`, and back.
import { mkdirSync, rmSync } from "node:fs";
import path from "node:path";
import { build, DIST } from "../build.ts";
import { archiverChild } from "./archiver-child.ts";
import { writeArchiverEnv } from "./archiver-env.ts";
import { Child, type Notices } from "./child.ts";
import { edgeChild } from "./edge-child.ts";
import { forward } from "./forwarder.ts";
import { openHttpsDoor } from "./https-door.ts";
import { LOCAL_S3, localMediaBucket, localMediaEnv } from "./local-media.ts";
import { lockDataDir } from "./lock.ts";
import { endNoted, type Role } from "./orphans.ts";
import type { Plan } from "./plan.ts";
import { freePort, HOST } from "../ports.ts";
import { requireFree } from "./ports.ts";
import { readOrMakeSecrets, type Secrets } from "./secrets.ts";
import { step } from "./step.ts";

const BUCKET = "confab-segments";
const ROLES: readonly Role[] = ["edge", "runtime", "archiver"];

export class Run {
  #plan: Plan;
  readonly #say: (line: string) => void;
  readonly #children: Child[] = [];
  readonly #doors: { close(): Promise<void> }[] = [];
  #ready = false;
  #stopping = false;

  constructor(plan: Plan, say: (line: string) => void) {
    this.#plan = plan;
    this.#say = say;
  }

  /** Resolves when `ready` has been said, or when it was stopped before. Rejects with UsageError or what failed. */
  async start(): Promise<void> {
    this.#plan = { ...this.#plan, dataDir: lockDataDir(this.#plan.dataDir) };
    const { dataDir, ports } = this.#plan;
    await this.#endOrphans();
    const archiverPort = this.#plan.archiverPort ?? await freePort();
    await requireFree([...ports, archiverPort]);
    const secrets = readOrMakeSecrets(dataDir);
    rmSync(path.join(dataDir, "tmp"), { recursive: true, force: true });
    mkdirSync(path.join(dataDir, "tmp"), { mode: 0o700 });

    const bundle = this.#plan.bundle ?? DIST;
    if (this.#plan.bundle === null) await step("building", build({ outDir: bundle }), this.#sayProgress);
    if (this.#stopping) return;

    const edge = this.#edge(bundle, archiverPort, secrets);
    const archiver = this.#archiver(archiverPort, await this.#edgeUrl(), secrets);
    const [, archiverServes] = await step("starting", Promise.all([
      edge.start(),
      archiver.start().then(() => true, () => false),
    ]), this.#sayProgress);
    for (const port of ports.slice(1)) this.#doors.push(await forward(port, ports[0]));
    if (this.#stopping) return;
    this.#ready = true;
    this.#sayWhatRuns(archiverPort, archiverServes);
  }

  /** Ends everything; resolves when no process is left. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all([...this.#doors.map((door) => door.close()), ...this.#children.map((child) => child.stop())]);
  }

  /** Ends the children at once. */
  kill(): void {
    for (const child of this.#children) child.kill();
  }

  async #endOrphans(): Promise<void> {
    for (const role of ROLES) {
      const pid = await endNoted(this.#plan.dataDir, role);
      if (pid !== null) this.#say(`ended the ${role} that an earlier start left behind (process ${pid})`);
    }
  }

  #edge(bundle: string, archiverPort: number, secrets: Secrets): Child {
    const { dataDir, ports, inspectorPort, workerEnv } = this.#plan;
    return this.#supervise(edgeChild({
      port: ports[0],
      inspectorPort,
      dataDir,
      bundle,
      bindings: {
        AUTH_SECRET: secrets.AUTH_SECRET,
        ARCHIVE_SECRET: secrets.ARCHIVE_SECRET,
        ARCHIVER_URL: `http://${HOST}:${archiverPort}`,
        ...workerEnv,
        ...localMediaEnv(secrets, ports[0], workerEnv),
      },
      buckets: {
        SEGMENTS: { name: BUCKET, accessKeyId: secrets.S3_ACCESS_KEY_ID, secretAccessKey: secrets.S3_SECRET_ACCESS_KEY },
        MEDIA: localMediaBucket(secrets),
      },
    }, this.#notices));
  }

  async #edgeUrl(): Promise<string> {
    const { environment, ports } = this.#plan;
    if (environment === "development") return `http://${HOST}:${ports[0]}`;
    const door = await openHttpsDoor(ports[0]);
    this.#doors.push(door);
    return door.url;
  }

  #archiver(port: number, edgeUrl: string, secrets: Secrets): Child {
    const { dataDir, ports, workerEnv } = this.#plan;
    const env = {
      EDGE_URL: edgeUrl,
      ARCHIVE_SECRET: workerEnv["ARCHIVE_SECRET"] ?? secrets.ARCHIVE_SECRET,
      // Local R2 answers the S3 API itself, path style.
      S3_ENDPOINT: `http://${HOST}:${ports[0]}${LOCAL_S3}`,
      S3_REGION: "auto",
      S3_BUCKET: BUCKET,
      S3_ACCESS_KEY_ID: secrets.S3_ACCESS_KEY_ID,
      S3_SECRET_ACCESS_KEY: secrets.S3_SECRET_ACCESS_KEY,
    };
    writeArchiverEnv(dataDir, { ...env, ...localMediaEnv(secrets, ports[0], workerEnv) });
    return this.#supervise(archiverChild({ port, dataDir, env }));
  }

  #supervise(spec: ConstructorParameters<typeof Child>[0]): Child {
    const child = new Child(spec, this.#notices);
    this.#children.push(child);
    return child;
  }

  readonly #sayProgress = (line: string): void => {
    if (!this.#stopping) this.#say(line);
  };

  readonly #notices: Notices = {
    down: (name, reason) => {
      // Before that the start has failed, and says why.
      if (this.#ready || name !== "edge") this.#say(`${name} down: ${reason}; starting it again`);
    },
    back: (name, afterMs) => this.#say(`${name} back after ${(afterMs / 1000).toFixed(1)} s`),
  };

  #sayWhatRuns(archiverPort: number, archiverServes: boolean): void {
    const { dataDir, ports, environment } = this.#plan;
    const shown = path.relative(process.cwd(), dataDir);
    const folder = shown.startsWith("..") ? dataDir : shown;
    this.#say(`confab in ${environment}: data, keys and logs in ${folder}`);
    this.#say(process.env["CASSANDRA_CONTACT_POINTS"]
      ? `archive in Cassandra at ${process.env["CASSANDRA_CONTACT_POINTS"]}`
      : `archive in ${folder}/archive (SQLite, for development; CASSANDRA_CONTACT_POINTS names a Cassandra)`);
    if (!archiverServes) this.#say("the archiver does not serve yet: chat works, archived pages don't (logs/archiver.log)");
    this.#say(`archiver http://${HOST}:${archiverPort}`);
    for (const port of ports.slice(1)) this.#say(`also http://${HOST}:${port}`);
    this.#say(`ready http://${HOST}:${ports[0]}`);
  }
}
