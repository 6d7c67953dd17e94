// `npm run services -- start|stop|install|status cassandra|s3|chromium`: the servers that tests and laptops use.
import { existsSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { installCassandra } from "./services/cassandra-jars.ts";
import { startCassandra } from "./services/cassandra.ts";
import { chromiumPath, installChromium } from "./services/chromium.ts";
import { installS3, startS3 } from "./services/s3.ts";
import { endServer, recordOf } from "./services/server.ts";
import { progress } from "./bootstrap/progress.mjs";

const USAGE = `usage: npm run services -- <what> <service…> [--port N] [--data FOLDER] [--heap MB]

  install  cassandra s3 chromium   fetch what they need; all three when none is named
  start    cassandra s3            start one that goes on until it is stopped
  stop     cassandra s3
  status   cassandra s3 chromium`;

const NAMES = ["cassandra", "s3", "chromium"] as const;
type Name = (typeof NAMES)[number];
type Options = { port: number | undefined; data: string | undefined; /** Cassandra's, in MB */ heap: number | undefined };

const INSTALL: Record<Name, () => Promise<string>> = {
  cassandra: async () => (await installCassandra()).jars,
  s3: installS3,
  chromium: installChromium,
};

function dataDir(name: Name, { data }: Options): string {
  return data ?? path.resolve(import.meta.dirname, "..", ".data", "services", name);
}

async function start(name: Name, options: Options): Promise<string> {
  const folder = dataDir(name, options);
  if (recordOf(folder) !== null) return status(name, options);
  const kept = { dataDir: folder, keep: true };
  if (name === "s3") {
    const s3 = await startS3({ ...kept, port: options.port ?? 9000 });
    return `${status(name, options)}
  S3_ENDPOINT=${s3.endpoint} S3_REGION=${s3.region} S3_ACCESS_KEY_ID=${s3.accessKeyId} S3_SECRET_ACCESS_KEY=${s3.secretAccessKey}`;
  }
  await installCassandra();
  const done = progress("starting Cassandra");
  try {
    const node = await startCassandra({ ...kept, port: options.port ?? 9042, ...(options.heap === undefined ? {} : { heapMb: options.heap }) });
    done("Cassandra answers");
    return `${status(name, options)}
  CASSANDRA_CONTACT_POINTS=${node.host} CASSANDRA_PORT=${node.port} CASSANDRA_DATACENTER=${node.datacenter}`;
  } catch (error) {
    done("Cassandra did not start");
    throw error;
  }
}

function status(name: Name, options: Options): string {
  if (name === "chromium") return `chromium ${chromiumPath() ?? "is not installed"}`;
  const folder = dataDir(name, options);
  const record = recordOf(folder);
  if (record === null) return `${name} is not running on ${folder}`;
  return `${name} runs on port ${record.port}, process ${record.pid}, data in ${folder}`;
}

async function stop(name: Name, options: Options): Promise<string> {
  const folder = dataDir(name, options);
  const was = existsSync(folder) && recordOf(folder) !== null;
  await endServer(folder);
  return `${name} ${was ? "stopped" : "was not running"}`;
}

async function perform(what: string, name: Name, options: Options): Promise<string> {
  if (what === "install") return `${name} ${await INSTALL[name]()}`;
  if (what === "status") return status(name, options);
  if (name === "chromium") throw new Error("chromium is started by the tests themselves");
  return what === "start" ? start(name, options) : stop(name, options);
}

function parse(): { what: string; names: Name[]; options: Options } {
  const { values, positionals } = parseArgs({
    allowPositionals: true, options: { port: { type: "string" }, data: { type: "string" }, heap: { type: "string" } },
  });
  const [what = "", ...rest] = positionals;
  const names = NAMES.filter((name) => rest.includes(name));
  const everyName = what === "install" || what === "status";
  if (!["install", "start", "stop", "status"].includes(what)) throw new Error(USAGE);
  if (names.length !== rest.length || (names.length === 0 && !everyName)) throw new Error(USAGE);
  const port = values.port === undefined ? undefined : Number(values.port);
  if (port !== undefined && !(Number.isInteger(port) && port > 0 && port < 65_536)) throw new Error(`--port ${values.port} is not a port`);
  const heap = values.heap === undefined ? undefined : Number(values.heap);
  if (heap !== undefined && !(Number.isInteger(heap) && heap >= 256 && heap <= 65_536)) throw new Error(`--heap ${values.heap} is not a size in MB`);
  return { what, names: names.length === 0 ? [...NAMES] : names, options: { port, data: values.data, heap } };
}

try {
  const { what, names, options } = parse();
  for (const name of names) console.log(await perform(what, name, options));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
