// Starts the archiver: configuration from the environment, the store, the server, the loop; and stops it cleanly.
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { setFlagsFromString } from "node:v8";
import { errorFields, log, logToStderr } from "../log/log.ts";
import { COMMANDS, type CommandTools, UsageError } from "./commands.ts";
import { type Config, ConfigError, readConfig } from "./config.ts";
import { HttpEdge } from "./edge.ts";
import { Archiver } from "./loop.ts";
import { Membership } from "./membership.ts";
import { newMetrics } from "./metrics.ts";
import { archiveOnce } from "./once.ts";
import { newReadServer } from "./read-api.ts";
import { ReadSlots } from "./read-slots.ts";
import { S3Bucket } from "./s3.ts";
import type { ArchiveStore } from "./stores/store.ts";

// Else the heap's nursery grows to 130 MB under load, all of it resident, for nothing that could be measured.
setFlagsFromString("--semi-space-growth-factor=1");
// Else what is garbage by now fills up to four times what is in use before it is looked for.
setFlagsFromString("--heap-growing-percent=150");

/** What a stop waits for at most: longer than any single step takes to give up. */
const STOP_MS = 20_000;

function configOrExit(): Config {
  try {
    return readConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const problem of error.problems) process.stderr.write(`archiver: ${problem}\n`);
    process.exit(2);
  }
}

/** Loads only the store that is configured: with Cassandra no SQLite file is ever opened. */
async function newStore(config: Config): Promise<ArchiveStore> {
  if (config.cassandra !== null) {
    const { CassandraStore } = await import("./stores/cassandra.ts");
    const { contactPoints, port, keyspace } = config.cassandra;
    log("info", "archive_store", { store: "cassandra", contact_points: contactPoints, port, keyspace });
    return new CassandraStore(config.cassandra, config.retentionS, Date.now);
  }
  const { SqliteStore } = await import("./stores/sqlite.ts");
  const folder = path.join(config.dataDir, "archive");
  log("warn", "archive_store", { store: "sqlite", folder, message: "The embedded store is the development default; set CASSANDRA_CONTACT_POINTS for Cassandra." });
  return new SqliteStore(folder, config.retentionS, Date.now);
}

function stopSignal(config: Config): AbortSignal {
  const controller = new AbortController();
  const stop = (reason: string) => {
    if (controller.signal.aborted) return;
    log("info", "archiver_stopping", { reason });
    controller.abort();
    setTimeout(() => {
      log("error", "archiver_stop_timed_out");
      process.exit(1);
    }, STOP_MS).unref();
  };
  for (const name of ["SIGTERM", "SIGINT"] as const) process.on(name, () => stop(name));
  process.on("disconnect", () => stop("the parent is gone"));
  if (config.parentPipe) process.stdin.on("close", () => stop("the parent is gone")).resume();
  return controller.signal;
}

async function listen(server: Server, { host, port }: Config): Promise<void> {
  server.listen(port, host);
  await once(server, "listening");
  const { address, port: actual, family } = server.address() as AddressInfo;
  log("info", "archiver_listening", { url: `http://${family === "IPv6" ? `[${address}]` : address}:${actual}` });
}

/** With the store open, unless that is left to `work`. @returns the exit code */
async function withTools(opened: boolean, work: (tools: CommandTools) => Promise<number>): Promise<number> {
  const config = configOrExit();
  const store = await newStore(config);
  const bucket = new S3Bucket(config.s3);
  try {
    if (opened) await store.open();
    const edge = new HttpEdge(config.edgeUrl, config.secret);
    return await work({ config, store, bucket, edge, now: Date.now, signal: stopSignal(config), print: (line) => void process.stdout.write(`${line}\n`) });
  } finally {
    await store.close();
    bucket.close();
  }
}

async function command(name: string, args: readonly string[]): Promise<number> {
  const load = COMMANDS[name];
  if (load === undefined) {
    process.stderr.write(`archiver: there is no command ${JSON.stringify(name)}; there are: --once, ${Object.keys(COMMANDS).join(", ")}\n`);
    return 2;
  }
  const found = await load();
  try {
    return await withTools(true, (tools) => found.run(args, tools));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`archiver: ${error.message}\nusage: npm run archiver -- ${found.usage}\n`);
    return 2;
  }
}

async function archive(): Promise<void> {
  const config = configOrExit();
  const signal = stopSignal(config);
  const store = await newStore(config);
  const bucket = new S3Bucket(config.s3);
  const metrics = newMetrics();
  const server = newReadServer({ store, secret: config.secret, metrics, retentionS: config.retentionS, now: Date.now, slots: new ReadSlots(config.reads, metrics, Math.random) });
  await listen(server, config);
  const edge = new HttpEdge(config.edgeUrl, config.secret);
  const { retentionS, pollMs, pollMaxMs, leaseMs } = config;
  const sharing = new Membership({ store, metrics, id: randomUUID(), leaseMs, signal });
  try {
    await new Archiver({ bucket, store, edge, metrics, sharing, retentionS, pollMs, pollMaxMs, now: Date.now, random: Math.random }, signal).run();
  } finally {
    await sharing.leave();
    server.close();
    server.closeIdleConnections();
    await store.close();
    bucket.close();
    log("info", "archiver_stopped");
  }
}

async function main(): Promise<number> {
  const [name, ...args] = process.argv.slice(2);
  if (name === undefined) {
    await archive();
    return 0;
  }
  logToStderr();
  const code = name === "--once" && args.length === 0 ? await withTools(false, archiveOnce) : await command(name, args);
  // What a pipe has not taken yet would be lost with the process.
  await new Promise<void>((resolve) => {
    process.stdout.write("", () => resolve());
  });
  return code;
}

try {
  // The parent's pipe and channel would keep the process.
  process.exit(await main());
} catch (error) {
  log("error", "archiver_failed", errorFields(error));
  process.exit(1);
}
