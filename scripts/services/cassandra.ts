// Starts a real Cassandra node for tests and laptops.
import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import path from "node:path";
import { promisify } from "node:util";
import { cassandraYaml, javaArguments, nodetoolArguments } from "./cassandra-config.ts";
import { installCassandra } from "./cassandra-jars.ts";
import { freePort } from "../ports.ts";
import { launch, type ServerProcess } from "./server.ts";

export type CassandraOptions = {
  /** Kept between starts: a restart on the same folder has the same data. */
  dataDir: string;
  /** A free one when absent. */
  port?: number;
  /** 127.0.0.1 when absent; the nodes of a cluster use 127.0.0.1, .2, .3. */
  host?: string;
  storagePort?: number;
  /** `host:storagePort` of a node to join; itself when absent. */
  seeds?: string;
  /** This node's place on the ring, a 64-bit integer. */
  token?: string;
  heapMb?: number;
  /** Where nodetool reaches it, on this machine alone; nowhere when absent. */
  jmxPort?: number;
  /** Password authentication; the first user is cassandra/cassandra. */
  auth?: boolean;
  /** A PEM file with the node's key and certificate: then clients must speak TLS. */
  tls?: string;
  /** It lives for minutes: compiled once and quickly, where a longer life pays for doing it well. */
  brief?: boolean;
  /** Every write on disk before its answer: for nodes that get killed. */
  durable?: boolean;
  /** Goes on after this process has ended. */
  keep?: boolean;
};

export type Cassandra = ServerProcess & { host: string; port: number; storagePort: number; datacenter: string };

/** An OPTIONS request of protocol version 4, whose answer's opcode is SUPPORTED. */
const OPTIONS_REQUEST = Buffer.from("040000000500000000", "hex");
const SUPPORTED = 6;

function speaksCql(host: string, port: number, secure: boolean): Promise<boolean> {
  return new Promise((resolve) => {
    const ask = () => void socket.write(OPTIONS_REQUEST);
    // Whether it is there, not who it is.
    const socket = secure ? connectTls({ port, host, rejectUnauthorized: false }, ask) : connect(port, host, ask);
    const answer = (yes: boolean): void => {
      socket.destroy();
      resolve(yes);
    };
    socket.setTimeout(1_500, () => answer(false));
    socket.once("data", (data) => answer(data[4] === SUPPORTED));
    socket.once("error", () => answer(false));
    socket.once("close", () => answer(false));
  });
}

/**
 * Resolves when the node answers CQL, 5–15 s later; `datacenter` is what the driver wants to hear. A node that an earlier
 * process left on the folder is ended first. Throws with the end of its log when it does not come up.
 */
export async function startCassandra(options: CassandraOptions): Promise<Cassandra> {
  const { java, jars } = await installCassandra();
  const dataDir = path.resolve(options.dataDir);
  const conf = path.join(dataDir, "conf");
  const heapMb = options.heapMb ?? 512;
  const host = options.host ?? "127.0.0.1";
  const port = options.port ?? (await freePort(host));
  const storagePort = options.storagePort ?? (await freePort(host));
  for (const folder of [conf, path.join(dataDir, "logs"), path.join(dataDir, "tmp")]) mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(conf, "cassandra.yaml"), cassandraYaml({
    dataDir, host, port, storagePort, seeds: options.seeds ?? `${host}:${storagePort}`, token: options.token ?? "0",
    auth: options.auth ?? false, durable: options.durable ?? false, ...(options.tls === undefined ? {} : { tls: options.tls }), heapMb,
  }));
  copyFileSync(path.join(import.meta.dirname, "cassandra", "logback.xml"), path.join(conf, "logback.xml"));
  const node = await launch({
    name: "Cassandra", dataDir, host, port, command: java, args: javaArguments(dataDir, conf, jars, { heapMb, brief: options.brief ?? false, ...(options.jmxPort === undefined ? {} : { jmxPort: options.jmxPort }) }),
    log: path.join(dataDir, "logs", "stdout.log"), keep: options.keep ?? false,
    readyWithinMs: 120_000, isReady: () => speaksCql(host, port, options.tls !== undefined),
  });
  return { ...node, host, port, storagePort, datacenter: "datacenter1" };
}

/** What nodetool prints. Throws with what it said where it fails. */
export async function nodetool({ dataDir, jmxPort }: { dataDir: string; jmxPort: number }, ...command: string[]): Promise<string> {
  const { java, jars } = await installCassandra();
  return (await promisify(execFile)(java, nodetoolArguments(path.resolve(dataDir), jars, jmxPort, command), { timeout: 120_000 })).stdout;
}
