// A deployment of this checkout, for this run alone: `scripts/start.ts` as a child on free ports and a data folder of its
// own. Ends only what it started.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { renameSync, rmSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Deployment, type Evicted, type Faults, keepTokens } from "./deployment.ts";
import type { Victim } from "./faults.ts";
import { processOf, type Role, signal, untilGone } from "./processes.ts";

const START = fileURLToPath(new URL("../scripts/start.ts", import.meta.url));
const FOREIGN = /^(?:CONFAB|AUTH|ARCHIVER?|S3|VITEST|TEST)_|^(?:PORTS?|DATA_DIR|ENVIRONMENT|DEV_ISSUER|ALLOWED_ORIGINS|ARCHIVE|JURISDICTION|EDGE_URL|NODE_ENV|NODE_OPTIONS|VITEST)$/;
/** Sealing, archiving and pruning within seconds, and a fan-out that takes long enough to be caught in the middle. */
const SETTINGS = {
  CONFAB_RATE_LIMIT: "0",
  CONFAB_SETTLE_AFTER_MS: "1000",
  CONFAB_FANOUT_WIDTH: "4",
  CONFAB_SEAL_EVENTS: "16",
  CONFAB_SEAL_AFTER_MS: "1500",
  CONFAB_HOT_EVENTS: "4",
  CONFAB_HOT_DAYS: "0",
  ARCHIVER_POLL_MS: "250",
};
/** With a million messages, segments of sixteen would be what is measured. */
const BUSY_SETTINGS = { ...SETTINGS, CONFAB_SEAL_EVENTS: "256", CONFAB_HOT_EVENTS: "64" };
const READY_MS = 120_000;
const STOP_MS = 10_000;
const POLL_MS = 20;
/** Below the range from which the kernel takes ports for outgoing connections. */
const PORTS = { lowest: 20_000, highest: 31_999 };
/** The runtime first: it is the one that may be in the middle of something. */
const ROLES: readonly Role[] = ["runtime", "edge", "start", "archiver"];

const ROLES_OF = { runtime: ["runtime"], deploy: ["runtime", "edge"], tree: ROLES } as const satisfies Record<Victim, readonly Role[]>;

export interface LocalOptions {
  /** The run's own folder: data, logs and the archive lie below it. */
  folder: string;
  /** Finished builds: the first one runs at first, a deploy brings the next one, and after the last the first again. */
  bundles: readonly string[];
  busy: boolean;
}

export class LocalDeployment implements Deployment, Faults {
  readonly token: (userId: string) => Promise<string>;
  readonly faults: Faults = this;
  readonly dataDir: string;
  readonly logs: string;
  readonly archive: string;
  readonly sealAfterMs = Number(SETTINGS.CONFAB_SEAL_AFTER_MS);
  readonly #bundles: readonly string[];
  readonly #settings: Record<string, string>;
  /** A link to the build that runs. */
  readonly #current: string;
  #version = 0;
  #child: ChildProcess | null = null;
  #port = 0;
  #killed: number[] = [];

  constructor({ folder, bundles, busy }: LocalOptions) {
    this.#bundles = bundles;
    this.#settings = busy ? BUSY_SETTINGS : SETTINGS;
    this.dataDir = path.join(folder, "data");
    this.logs = path.join(this.dataDir, "logs");
    this.archive = path.join(this.dataDir, "archive", "archive.sqlite");
    this.#current = path.join(folder, "current");
    this.#link();
    this.token = keepTokens((userId) => this.#issue({ user_id: userId }));
    process.once("exit", () => this.#killAll());
  }

  url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  serviceToken(): Promise<string> {
    return this.#issue({ user_id: "verify", scope: "service" });
  }

  /** Resolves when it is ready; rejects with what it printed when it gives up. */
  async start(): Promise<void> {
    const [port, archiverPort] = [await freePort(), await freePort()];
    this.#port = port;
    const own = Object.fromEntries(Object.entries(process.env).filter(([name]) => !FOREIGN.test(name)));
    // The channel is what ends the deployment when this process dies, however it dies.
    const child = spawn(process.execPath, [START, "--bundle", this.#current], {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      env: { ...own, ...this.#settings, PORT: String(port), ARCHIVER_PORT: String(archiverPort), DATA_DIR: this.dataDir },
    });
    child.channel?.unref();
    this.#child = child;
    await untilReady(child);
  }

  kill(victim: Victim): void {
    if (victim === "deploy") {
      this.#version += 1;
      this.#link();
    }
    this.#killed = this.#pids(ROLES_OF[victim]);
    if (this.#killed.length === 0) throw new Error("there is nothing to kill: the deployment has ended by itself");
    for (const pid of this.#killed) signal(pid, "SIGKILL");
  }

  async restore(victim: Victim): Promise<void> {
    await untilGone(this.#killed);
    if (victim === "tree") {
      await this.start();
      return;
    }
    const deadline = performance.now() + READY_MS;
    while (this.#pids(["runtime"]).length === 0 || !(await this.#serves())) {
      if (performance.now() > deadline) throw new Error("the runtime was killed, and none came in its place");
      await delay(POLL_MS);
    }
  }

  killArchiver(): boolean {
    const pids = this.#pids(["archiver"]);
    for (const pid of pids) signal(pid, "SIGKILL");
    return pids.length > 0;
  }

  async evict(object: Evicted): Promise<boolean> {
    try {
      const answer = await fetch(`${this.url()}/dev/evict`, {
        method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(object), signal: AbortSignal.timeout(2_000),
      });
      await answer.arrayBuffer();
      return answer.status === 200;
    } catch {
      // It was killed meanwhile, and that throws out every object.
      return false;
    }
  }

  holdArchive(): void {
    for (const pid of this.#pids(["archiver"])) signal(pid, "SIGSTOP");
  }

  releaseArchive(): void {
    for (const pid of this.#pids(["archiver"])) signal(pid, "SIGCONT");
  }

  /** Ends every process; what does not end by itself is killed. */
  async stop(): Promise<void> {
    this.releaseArchive();
    const pids = this.#pids(ROLES);
    this.#child?.kill("SIGINT");
    const ended = this.#child === null || this.#child.exitCode !== null || this.#child.signalCode !== null ? null : once(this.#child, "exit");
    await Promise.race([ended, delay(STOP_MS, undefined, { ref: false })]);
    this.#killAll();
    await untilGone(pids);
  }

  /** Renamed into place: a process that starts meanwhile finds the one or the other. */
  #link(): void {
    const draft = `${this.#current}.next`;
    rmSync(draft, { force: true });
    symlinkSync(path.resolve(this.#bundles[this.#version % this.#bundles.length] as string), draft);
    renameSync(draft, this.#current);
  }

  #pids(roles: readonly Role[]): number[] {
    return roles.map((role) => processOf(this.dataDir, role)).filter((pid) => pid !== null);
  }

  #killAll(): void {
    for (const pid of this.#pids(ROLES)) signal(pid, "SIGKILL");
    // Before it has noted its pid it is known by its handle alone.
    this.#child?.kill("SIGKILL");
  }

  async #serves(): Promise<boolean> {
    try {
      const answer = await fetch(`${this.url()}/v1/health`, { signal: AbortSignal.timeout(2_000) });
      await answer.arrayBuffer();
      return answer.status === 200;
    } catch {
      return false;
    }
  }

  async #issue(body: { user_id: string; scope?: "service" }): Promise<string> {
    const answer = await fetch(`${this.url()}/dev/token`, {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body), signal: AbortSignal.timeout(10_000),
    });
    if (answer.status !== 200) throw new Error(`no token for ${body.user_id}: ${answer.status} ${await answer.text()}`);
    return ((await answer.json()) as { token: string }).token;
  }
}

function untilReady(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    const lines: string[] = [];
    const timer = setTimeout(() => reject(new Error(`the deployment is not ready after ${READY_MS / 1_000} s:\n${lines.join("\n")}`)), READY_MS);
    const settle = (done: () => void) => {
      clearTimeout(timer);
      done();
    };
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on("line", (line) => {
        lines.push(line);
        if (line.startsWith("ready ")) settle(resolve);
      });
    }
    child.once("exit", () => settle(() => reject(new Error(`the deployment did not start:\n${lines.join("\n")}`))));
  });
}

async function freePort(): Promise<number> {
  for (;;) {
    const port = PORTS.lowest + Math.floor(Math.random() * (PORTS.highest - PORTS.lowest + 1));
    const probe = createServer();
    const free = await new Promise<boolean>((resolve) => {
      probe.once("error", () => resolve(false));
      probe.listen({ port, host: "127.0.0.1", exclusive: true }, () => probe.close(() => resolve(true)));
    });
    if (free) return port;
  }
}
