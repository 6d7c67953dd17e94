// The servers that tests stand on: the run's shared ones, or their own when a file runs by itself.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll } from "vitest";
import { startCassandra } from "../scripts/services/cassandra.ts";
import { chromiumPath } from "../scripts/services/chromium.ts";
import { type S3Endpoint, startS3 } from "../scripts/services/s3.ts";

const owned: (() => Promise<void>)[] = [];

afterAll(async () => {
  await Promise.all(owned.splice(0).map((end) => end()));
});

/** An empty folder that is removed after the file's last test, once the servers on it are gone. */
function ownFolder(name: string): string {
  return mkdtempSync(path.join(tmpdir(), `confab-${name}-`));
}

let node: Promise<{ host: string; port: number; datacenter: string }> | null = null;

async function ownCassandra(): Promise<{ host: string; port: number; datacenter: string }> {
  const dataDir = ownFolder("cassandra");
  const own = await startCassandra({ dataDir, brief: true });
  owned.push(async () => {
    own.kill();
    await own.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });
  return { host: own.host, port: own.port, datacenter: own.datacenter };
}

/** A Cassandra to be shared: use a keyspace of your own, and leave the node running. */
export function cassandra(): Promise<{ host: string; port: number; datacenter: string }> {
  const [host, port] = (process.env["TEST_CASSANDRA"] ?? "").split(":");
  if (host !== undefined && port !== undefined) return Promise.resolve({ host, port: Number(port), datacenter: "datacenter1" });
  node ??= ownCassandra();
  return node;
}

let store: Promise<S3Endpoint> | null = null;

async function ownS3(): Promise<S3Endpoint> {
  const dataDir = ownFolder("s3");
  const own = await startS3({ dataDir });
  owned.push(async () => {
    await own.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });
  const { endpoint, accessKeyId, secretAccessKey, region } = own;
  return { endpoint, accessKeyId, secretAccessKey, region };
}

/** An S3 server to be shared, path style, without buckets: make one of your own. */
export function s3(): Promise<S3Endpoint> {
  const shared = process.env["TEST_S3"];
  if (shared !== undefined) return Promise.resolve(JSON.parse(shared) as S3Endpoint);
  store ??= ownS3();
  return store;
}

/** The browser's path; throws when there is none. */
export function chromium(): string {
  const found = process.env["TEST_CHROMIUM"] ?? chromiumPath();
  if (found === null) throw new Error("no Chromium: npm run services -- install chromium");
  return found;
}
