// What is measured: the product, the bare Worker or somebody's deployment, all seen through the same few calls.
import { exec } from "node:child_process";
import { promisify } from "node:util";
import { cpuOf } from "./processes.ts";
import { launch } from "./launch.ts";

/** Since the start, ms. */
export interface Cpu {
  /** The edge's processes, the runtime among them. */
  server: number;
  /** The runtime alone. */
  workerd: number;
  archiver: number;
}

export interface Target {
  readonly url: string;
  token(user: string): Promise<string>;
  /** null where the processes are out of sight. */
  cpu(): Cpu | null;
  /** Rows written by all objects since the start; null where nobody may ask. */
  rowsWritten(): Promise<number | null>;
  /** @param keep what it stored, and its logs */
  stop(keep: boolean): Promise<void>;
}

/**
 * A build that runs as `npm start` runs it.
 * @param bundle a finished build; null: the sources
 * @param receipts without them no device has a credit to keep to
 */
export async function startTarget(bundle: string | null, receipts: boolean): Promise<Target> {
  const launched = await launch(bundle, receipts ? {} : { CONFAB_CREDIT_EVENTS: "0" });
  const { url, pids } = launched;
  const token = (user: string, scope?: "service"): Promise<string> => askToken(url, { user_id: user, ...(scope === undefined ? {} : { scope }) });
  const serviceToken = await token("bench-operator", "service");
  return {
    url, token,
    stop: (keep) => launched.stop(keep),
    cpu: () => ({ server: pids.edge.reduce((sum, pid) => sum + cpuOf(pid), 0), workerd: cpuOf(pids.workerd), archiver: cpuOf(pids.archiver) }),
    rowsWritten: () => askRows(url, serviceToken),
  };
}

/** A deployment that runs already; `tokenCommand` prints the token of the user that stands for `{user}`. */
export function remoteTarget(url: string, tokenCommand: string): Target {
  return {
    url,
    async token(user) {
      const { stdout } = await promisify(exec)(tokenCommand.replaceAll("{user}", user));
      return stdout.trim();
    },
    cpu: () => null,
    rowsWritten: () => Promise.resolve(null),
    stop: () => Promise.resolve(),
  };
}

async function askToken(url: string, body: object): Promise<string> {
  const response = await fetch(`${url}/dev/token`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`/dev/token answered ${response.status}`);
  return ((await response.json()) as { token: string }).token;
}

async function askRows(url: string, token: string): Promise<number> {
  const response = await fetch(`${url}/v1/admin/metrics`, { headers: { Authorization: `Bearer ${token}` } });
  if (!response.ok) throw new Error(`/v1/admin/metrics answered ${response.status}`);
  return ((await response.json()) as { rows_written: number }).rows_written;
}
