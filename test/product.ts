// The product for end-to-end tests: the real `npm start` on free ports and a folder of its own. Everything it runs
// ends with the test process.
import { realpathSync } from "node:fs";
import { build, DIST } from "../scripts/build.ts";
import { freePort } from "../scripts/ports.ts";
import { freshFolder, removeFolder } from "./product/folders.ts";
import { runningPids, untilGone, type Pids } from "./product/processes.ts";
import { StartProcess } from "./product/start-process.ts";

export { StartEnded } from "./product/start-process.ts";

export interface ProductOptions {
  /** On top of a clean environment; PORTS and ARCHIVER_PORT are chosen here unless given. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: a fresh folder, removed by `discard`. */
  readonly dataDir?: string;
  /** A folder filled by `build`, such as a patched one. Default: the sources as they are, built once. */
  readonly build?: string;
  /** Front doors. Default 1. */
  readonly doors?: number;
}

export interface TokenOptions {
  readonly ttl_s?: number;
  readonly scope?: "service";
}

export interface Product {
  readonly url: string;
  /** ws://…, without a path. */
  readonly wsUrl: string;
  readonly ports: readonly number[];
  readonly dataDir: string;
  readonly archiverUrl: string;
  /** Everything printed since the last (re)start. */
  readonly lines: readonly string[];
  /** The first line from index `from` on that matches; rejects when start ends or a minute passes. */
  untilLine(pattern: RegExp, from?: number): Promise<string>;
  pids(): Pids;
  /** As Ctrl-C does; resolves with the exit code when every process is gone. */
  stop(): Promise<number | null>;
  /** Signals every process of the product, the runtime first; resolves when all are gone. */
  killTree(signal?: NodeJS.Signals): Promise<void>;
  /** Kills what runs and removes the data, unless the folder was given. */
  discard(): Promise<void>;
  /** SIGKILL to the runtime alone; resolves at once. */
  killRuntime(): void;
  /** Stops it if it runs, and starts it again on the same data and ports. */
  restart(): Promise<void>;
  /** A token of the development issuer, which also registers the user. */
  token(user: string, options?: TokenOptions): Promise<string>;
}

/** Resolves at the line `ready`. Rejects with StartEnded when start gives up before. */
export async function startProduct(options: ProductOptions = {}): Promise<Product> {
  const dataDir = realpathSync(options.dataDir ?? freshFolder());
  const ports = options.env?.["PORTS"]?.split(",").map(Number) ?? await freePorts(options.doors ?? 1);
  const archiverPort = options.env?.["ARCHIVER_PORT"] ?? String(await freePort());
  const bundle = options.build ?? await sharedBundle();
  const env = {
    ...cleanEnvironment(),
    PORTS: ports.join(","),
    ARCHIVER_PORT: archiverPort,
    ...options.env,
    DATA_DIR: dataDir,
  };
  const launch = async (): Promise<StartProcess> => {
    const started = new StartProcess(["--bundle", bundle], env);
    await started.untilLine(/^ready /);
    return started;
  };
  const fresh = options.dataDir === undefined;
  try {
    return new RunningProduct({ ports, dataDir, archiverPort, fresh }, launch, await launch());
  } catch (error) {
    if (fresh) removeFolder(dataDir);
    throw error;
  }
}

class RunningProduct implements Product {
  readonly url: string;
  readonly wsUrl: string;
  readonly ports: readonly number[];
  readonly dataDir: string;
  readonly archiverUrl: string;
  readonly #fresh: boolean;
  readonly #launch: () => Promise<StartProcess>;
  #process: StartProcess;

  constructor(
    place: { ports: readonly number[]; dataDir: string; archiverPort: string; fresh: boolean },
    launch: () => Promise<StartProcess>,
    process: StartProcess,
  ) {
    this.ports = place.ports;
    this.dataDir = place.dataDir;
    this.#fresh = place.fresh;
    this.url = `http://127.0.0.1:${place.ports[0]}`;
    this.wsUrl = `ws://127.0.0.1:${place.ports[0]}`;
    this.archiverUrl = `http://127.0.0.1:${place.archiverPort}`;
    this.#launch = launch;
    this.#process = process;
  }

  get lines(): readonly string[] {
    return this.#process.lines;
  }

  untilLine(pattern: RegExp, from = 0): Promise<string> {
    return this.#process.untilLine(pattern, from);
  }

  pids(): Pids {
    return runningPids(this.dataDir, this.#process.pid);
  }

  async stop(): Promise<number | null> {
    if (this.#process.pid !== null) {
      const pids = this.#livePids();
      this.#process.signal("SIGINT");
      await untilGone(pids);
    }
    await this.#process.ended();
    return this.#process.code;
  }

  async killTree(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const pids = this.#livePids();
    for (const pid of pids) send(pid, signal);
    await untilGone(pids);
    await this.#process.ended();
  }

  async discard(): Promise<void> {
    await this.killTree();
    if (this.#fresh) removeFolder(this.dataDir);
  }

  killRuntime(): void {
    const { runtime } = this.pids();
    if (runtime === null) throw new Error("there is no runtime to kill");
    process.kill(runtime, "SIGKILL");
  }

  async restart(): Promise<void> {
    await this.stop();
    this.#process = await this.#launch();
  }

  async token(user: string, options: TokenOptions = {}): Promise<string> {
    const answer = await fetch(`${this.url}/dev/token`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ user_id: user, ...options }),
    });
    const body: unknown = await answer.json();
    if (typeof body === "object" && body !== null && "token" in body && typeof body.token === "string") return body.token;
    throw new Error(`no token for ${user}: ${answer.status} ${JSON.stringify(body)}`);
  }

  #livePids(): number[] {
    const { runtime, edge, archiver, start } = this.pids();
    return [runtime, edge, archiver, start].filter((pid) => pid !== null);
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It went with the one before it.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  return ports;
}

/** What the caller's environment says about a deployment must not change what is tested. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const foreign = /^(?:CONFAB|AUTH|MEDIA|ARCHIVE|ARCHIVER|CASSANDRA|S3|VITEST)_|^(?:PORTS?|DATA_DIR|ENVIRONMENT|DEV_ISSUER|ALLOWED_ORIGINS|ARCHIVE|JURISDICTION|EDGE_URL|NODE_ENV|NODE_OPTIONS|VITEST)$/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign.test(name)));
}

let shared: Promise<string> | null = null;

/** TEST_BUNDLE names a finished one; otherwise the first of all test processes builds it and the others wait. */
export function sharedBundle(): Promise<string> {
  shared ??= (async () => {
    if (process.env["TEST_BUNDLE"]) return process.env["TEST_BUNDLE"];
    await build({ outDir: DIST });
    return DIST;
  })();
  return shared;
}
