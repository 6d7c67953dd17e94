// What an operator asks of a running product's archive: `archiver/main.ts <command>`, with the product's own keys and store.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import type { Product } from "../product.ts";
import { NODE_ENV_OF_RUN } from "../product/node-env.ts";

const MAIN = fileURLToPath(new URL("../../archiver/main.ts", import.meta.url));
const Secrets = v.object({ S3_ACCESS_KEY_ID: v.string(), S3_SECRET_ACCESS_KEY: v.string(), ARCHIVE_SECRET: v.string() });

export interface Ended {
  code: number | null;
  /** Its lines on stdout that are JSON. */
  lines: Record<string, unknown>[];
  stderr: string;
}

export interface Running {
  kill(signal: NodeJS.Signals): void;
  ended: Promise<Ended>;
}

/** @param env on top of what the product runs with: where Cassandra is, or that the edge is elsewhere */
export function startArchiverCommand(product: Product, args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const secrets = v.parse(Secrets, JSON.parse(readFileSync(path.join(product.dataDir, "secrets.json"), "utf8")));
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...NODE_ENV_OF_RUN,
      S3_ENDPOINT: `${product.url}/cdn-cgi/local/r2/s3`, S3_REGION: "auto", S3_BUCKET: "confab-segments", ...secrets,
      EDGE_URL: product.url, DATA_DIR: product.dataDir, ...env,
    },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = new Promise<Ended>((resolve) => {
    // Whoever is killed may have been in the middle of a line.
    child.on("close", (code) => resolve({ code, stderr, lines: code === null ? [] : stdout.split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as Record<string, unknown>) }));
  });
  return { kill: (signal) => void child.kill(signal), ended };
}

export async function archiverCommand(product: Product, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return startArchiverCommand(product, args, env).ended;
}
