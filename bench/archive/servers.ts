// The node and the S3 server of a run: started through `npm run services`, in a temporary folder, and ended with the run.
import { execFile } from "node:child_process";
import { createServer } from "node:net";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { promisify } from "node:util";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import type { Options } from "./options.ts";

const SERVICES = path.join(import.meta.dirname, "..", "..", "scripts", "services.ts");
const run = promisify(execFile);
/** The tests' node of 512 MB flushes and compacts all the time. */
const HEAP_MB = 2_048;

export interface Servers {
  cassandra: { host: string; port: number };
  /** What an archiver is told of the bucket. */
  s3: Record<"S3_ENDPOINT" | "S3_REGION" | "S3_BUCKET" | "S3_ACCESS_KEY_ID" | "S3_SECRET_ACCESS_KEY", string>;
  /** The processes whose CPU counts; empty where they are not the run's own. */
  pids: { cassandra: number | null; s3: number | null };
  /** Whether the node is the run's own, and goes with all that is on it. */
  ownNode: boolean;
  /** Ends the run's own node in order, and answers its folder. */
  endNode(): Promise<string>;
  stop(): Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

export interface Service {
  pid: number;
  port: number;
  settings: Record<string, string>;
  stop(): Promise<void>;
}

async function start(name: "cassandra" | "s3", folder: string, more: readonly string[] = []): Promise<Service> {
  const data = path.join(folder, name);
  const { stdout } = await run(process.execPath, [SERVICES, "start", name, "--data", data, "--port", String(await freePort()), ...more]);
  const [, port, pid] = /on port (\d+), process (\d+)/.exec(stdout) ?? [];
  if (port === undefined) throw new Error(`${name} did not start: ${stdout}`);
  const settings = Object.fromEntries([...stdout.matchAll(/\b([A-Z0-9_]+)=(\S+)/g)].map(([, key, value]) => [key as string, value as string]));
  return { pid: Number(pid), port: Number(port), settings, stop: async () => void (await run(process.execPath, [SERVICES, "stop", name, "--data", data])) };
}

/** @param given a running one's URL, its keys in the environment; null: one of its own */
export async function startS3(given: string | null, folder: string): Promise<Service> {
  if (given === null) return start("s3", folder);
  const { S3_ACCESS_KEY_ID = "", S3_SECRET_ACCESS_KEY = "", S3_REGION = "us-east-1" } = process.env;
  return { pid: 0, port: 0, settings: { S3_ENDPOINT: given, S3_REGION, S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY }, stop: async () => undefined };
}

export function s3Client({ S3_ENDPOINT, S3_REGION, S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY }: Servers["s3"]): S3Client {
  return new S3Client({
    endpoint: S3_ENDPOINT, region: S3_REGION, forcePathStyle: true,
    credentials: { accessKeyId: S3_ACCESS_KEY_ID, secretAccessKey: S3_SECRET_ACCESS_KEY },
    requestChecksumCalculation: "WHEN_REQUIRED", responseChecksumValidation: "WHEN_REQUIRED",
  });
}

/** @param bucket is made on the S3 server */
export async function startServers(options: Options, folder: string, bucket: string): Promise<Servers> {
  const started: Service[] = [];
  const stop = async () => {
    for (const service of started.splice(0).toReversed()) await service.stop();
  };
  try {
    const s3 = await startS3(options.s3, folder);
    started.push(s3);
    const node = options.cassandra === null ? await start("cassandra", folder, ["--heap", String(HEAP_MB)]) : null;
    if (node !== null) started.push(node);
    const settings = { ...s3.settings, S3_BUCKET: bucket } as Servers["s3"];
    const client = s3Client(settings);
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
    client.destroy();
    return {
      cassandra: options.cassandra ?? { host: "127.0.0.1", port: (node as Service).port },
      s3: settings,
      pids: { cassandra: node?.pid ?? null, s3: options.s3 === null ? s3.pid : null },
      ownNode: node !== null,
      async endNode() {
        await node?.stop();
        return path.join(folder, "cassandra");
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
