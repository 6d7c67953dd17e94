// What can be seen of a server that runs on this machine: memory, descriptors, awake objects, what it wrote, and what its log says.
import { readFileSync } from "node:fs";
import path from "node:path";
import type { Launched } from "../launch.ts";
import { cpuOf, descriptorsOf, rssOf } from "../processes.ts";
import { askDevToken } from "../dialects/tokens.ts";
import { LogTail } from "./log-tail.ts";

export interface ServerSample {
  runtime_rss_mb: number;
  archiver_rss_mb: number;
  descriptors: number;
  /** Objects in memory, by class: the runtime has an object's database open for as long. */
  awake: Record<string, number>;
  rows_written: number;
  /** Instances of objects made since the start. */
  wakes: number;
  backlog_segments: number;
  /** Since the start, ms. */
  runtime_cpu_ms: number;
  archiver_cpu_ms: number;
  /** Lines of the log that tell of a stub, or the result of a call, that was not disposed of. */
  undisposed: number;
  /** Exceptions that nobody caught. */
  uncaught: number;
}

const UNDISPOSED = /RPC (?:stub|result) was not disposed/;
const UNCAUGHT = /\buncaught: /;
const DATABASE = /\/edge\/do\/confab-(\w+)\/[0-9a-f]{64}\.sqlite$/;
const OPERATOR_FRESH_MS = 30 * 60_000;

export class Server {
  private readonly launched: Launched;
  private readonly log: LogTail;
  private readonly found = { undisposed: 0, uncaught: 0 };
  private operator: { token: string; at: number } | null = null;

  constructor(launched: Launched) {
    this.launched = launched;
    this.log = new LogTail(path.join(launched.dataDir, "logs", "edge.log"));
  }

  /** Is the runtime that serves now another one than at the start? */
  get restarted(): boolean {
    return Number(readFileSync(path.join(this.launched.dataDir, "run", "runtime.pid"), "utf8")) !== this.launched.pids.workerd;
  }

  async sample(): Promise<ServerSample> {
    const { pids, url, archiverUrl } = this.launched;
    const response = await fetch(`${url}/v1/admin/metrics`, { headers: { Authorization: `Bearer ${await this.operatorToken()}` } });
    if (!response.ok) throw new Error(`/v1/admin/metrics answered ${response.status}`);
    const metrics = (await response.json()) as Record<string, number>;
    const archiver = await (await fetch(`${archiverUrl}/metrics`)).text();
    for (const line of this.log.lines()) {
      if (UNDISPOSED.test(line)) this.found.undisposed += 1;
      if (UNCAUGHT.test(line)) this.found.uncaught += 1;
    }
    const open = descriptorsOf(pids.workerd);
    const awake: Record<string, number> = {};
    for (const target of open) {
      const name = DATABASE.exec(target)?.[1];
      if (name !== undefined) awake[name] = (awake[name] ?? 0) + 1;
    }
    return {
      runtime_rss_mb: rssOf(pids.workerd), archiver_rss_mb: rssOf(pids.archiver), descriptors: open.length, awake,
      rows_written: metrics["rows_written"] ?? 0,
      wakes: (metrics["wakes_conversation"] ?? 0) + (metrics["wakes_session"] ?? 0),
      backlog_segments: Number(/^confab_archiver_backlog_segments (\d+)/m.exec(archiver)?.[1] ?? 0),
      runtime_cpu_ms: cpuOf(pids.workerd), archiver_cpu_ms: cpuOf(pids.archiver),
      ...this.found,
    };
  }

  private async operatorToken(): Promise<string> {
    if (this.operator === null || performance.now() - this.operator.at > OPERATOR_FRESH_MS) {
      this.operator = { token: await askDevToken(this.launched.url, { user_id: "soak-operator", scope: "service" }), at: performance.now() };
    }
    return this.operator.token;
  }
}
