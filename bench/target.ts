// What is measured: the product, another build, the bare Worker or somebody's deployment, all seen through the same few calls.
import { askDevToken } from "./dialects/tokens.ts";
import type { Spoken } from "./generator/commands.ts";
import { launch } from "./launch.ts";
import { cpuOf, memoryOf } from "./processes.ts";
import type { Encoding } from "../protocol/encodings.ts";

/** Since the start, ms: `server` in all, and what it is made of. */
export interface Cpu {
  /** On the way of a message. */
  server: number;
  parts: Readonly<Record<string, number>>;
}

export interface Target {
  readonly spoken: Spoken;
  /** null where the processes are out of sight. */
  cpu(): Cpu | null;
  /** Bytes that its processes have to themselves; null where they are out of sight. */
  memory(): number | null;
  /** Rows written since the start; null where nobody may ask. */
  rowsWritten(): Promise<number | null>;
  /** Messages that it has on disk; null where nobody may ask. */
  stored(): Promise<number | null>;
  /** Whose code spends the time. */
  readonly profiled: { pid: number; inspector: string } | null;
  /** @param keep what it stored, and its logs */
  stop(keep: boolean): Promise<void>;
}

export interface BuildOptions {
  /** A finished build; null: the sources. */
  bundle: string | null;
  encoding: Encoding;
  /** Without them no device has a credit to keep to. */
  receipts: boolean;
  /** Can it be profiled? */
  inspected: boolean;
}

/** A build that runs as `npm start` runs it. */
export async function startBuild({ bundle, encoding, receipts, inspected }: BuildOptions): Promise<Target> {
  const launched = await launch(bundle, receipts ? {} : { CONFAB_CREDIT_EVENTS: "0" }, inspected);
  const { url, pids } = launched;
  const serviceToken = await askDevToken(url, { user_id: "bench-operator", scope: "service" });
  return {
    spoken: { dialect: "confab", url, tokens: { kind: "dev", url }, encoding, receipts },
    cpu: () => ({
      server: pids.edge.reduce((sum, pid) => sum + cpuOf(pid), 0),
      parts: { workerd: cpuOf(pids.workerd), archiver: cpuOf(pids.archiver) },
    }),
    memory: () => pids.edge.reduce((sum, pid) => sum + memoryOf(pid), 0),
    rowsWritten: () => askRows(url, serviceToken),
    stored: () => Promise.resolve(null),
    profiled: launched.inspector === null ? null : { pid: pids.workerd, inspector: launched.inspector },
    stop: (keep) => launched.stop(keep),
  };
}

/** A deployment that runs already; `tokenCommand` prints the token of the user that stands for `{user}`. */
export function remoteTarget(url: string, tokenCommand: string, { encoding, receipts }: Pick<BuildOptions, "encoding" | "receipts">): Target {
  return {
    spoken: { dialect: "confab", url, tokens: { kind: "command", command: tokenCommand }, encoding, receipts },
    cpu: () => null,
    memory: () => null,
    rowsWritten: () => Promise.resolve(null),
    stored: () => Promise.resolve(null),
    profiled: null,
    stop: () => Promise.resolve(),
  };
}

async function askRows(url: string, token: string): Promise<number> {
  const response = await fetch(`${url}/v1/admin/metrics`, { headers: { Authorization: `Bearer ${token}` } });
  if (!response.ok) throw new Error(`/v1/admin/metrics answered ${response.status}`);
  return ((await response.json()) as { rows_written: number }).rows_written;
}
