// Three Cassandra nodes of one cluster, on 127.0.0.1, .2 and .3, for what happens when some of them die.
import path from "node:path";
import { freePort, isFree } from "../ports.ts";
import { type Cassandra, type CassandraOptions, startCassandra } from "./cassandra.ts";

export type ClusterOptions = {
  /** One folder for each node below it. */
  dataDir: string;
  heapMb?: number;
};

export type CassandraCluster = {
  hosts: string[];
  port: number;
  datacenter: string;
  /** SIGKILL; resolves when the process is gone. */
  kill(node: number): Promise<void>;
  /** On the data that it had. Resolves when it answers. */
  start(node: number): Promise<void>;
  stop(): Promise<void>;
};

/** A third of the ring each: with three replicas every node has everything anyway. */
const TOKENS = ["-9223372036854775808", "-3074457345618258603", "3074457345618258602"];

/** One that is free on all three addresses: the driver takes the same port everywhere. */
async function commonPort(hosts: readonly string[]): Promise<number> {
  for (;;) {
    const port = await freePort();
    const free = await Promise.all(hosts.map((host) => isFree(port, host)));
    if (free.every(Boolean)) return port;
  }
}

/** What each node is started with. The first is everybody's seed. */
export function clusterNodes(dataDir: string, port: number, storagePort: number, heapMb: number): (CassandraOptions & { host: string })[] {
  return TOKENS.map((token, i) => ({
    dataDir: path.join(dataDir, `node-${i + 1}`), host: `127.0.0.${i + 1}`, port, storagePort, seeds: `127.0.0.1:${storagePort}`, token, heapMb, durable: true,
  }));
}

/** Resolves when all three answer, half a minute later; each takes about 750 MB. */
export async function startCassandraCluster({ dataDir, heapMb = 384 }: ClusterOptions): Promise<CassandraCluster> {
  const hosts = TOKENS.map((_, i) => `127.0.0.${i + 1}`);
  const [port, storagePort] = [await commonPort(hosts), await commonPort(hosts)];
  const options = clusterNodes(dataDir, port, storagePort, heapMb);
  const nodes: (Cassandra | null)[] = hosts.map(() => null);
  const start = async (i: number) => {
    nodes[i] = await startCassandra(options[i] as CassandraOptions);
  };
  const kill = async (i: number) => {
    const node = nodes[i];
    node?.kill();
    await node?.stop();
    nodes[i] = null;
  };
  const stop = async () => void (await Promise.all(hosts.map((_, i) => kill(i))));
  try {
    // The others join the first.
    await start(0);
    await Promise.all([start(1), start(2)]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { hosts, port, datacenter: "datacenter1", kill, start, stop };
}
