// Turns a node's options into cassandra.yaml and Java's flags.
import { readFileSync } from "node:fs";
import path from "node:path";

const TEMPLATE = path.join(import.meta.dirname, "cassandra", "cassandra.yaml");

export type NodeConfig = {
  dataDir: string;
  host: string;
  port: number;
  storagePort: number;
  seeds: string;
  token: string;
  auth: boolean;
  durable: boolean;
  /** A PEM file with the node's key and certificate; without it clients speak plainly. */
  tls?: string;
  heapMb: number;
};

export function cassandraYaml(node: NodeConfig): string {
  const values: Record<string, string> = {
    DATA: node.dataDir, HOST: node.host, PORT: String(node.port), STORAGE_PORT: String(node.storagePort),
    SEEDS: node.seeds, TOKEN: `"${node.token}"`,
    AUTHENTICATOR: node.auth ? "PasswordAuthenticator" : "AllowAllAuthenticator",
    AUTHORIZER: node.auth ? "CassandraAuthorizer" : "AllowAllAuthorizer",
    TLS: node.tls === undefined ? "enabled: false" : `enabled: true
  optional: false
  keystore: ${JSON.stringify(node.tls)}
  ssl_context_factory: {class_name: org.apache.cassandra.security.PEMBasedSslContextFactory}`,
    // What a node of 512 MB can hold; a larger one has a quarter, as Cassandra's own default is, and flushes and compacts as much less often.
    MEMTABLE_MB: String(Math.floor(node.heapMb / (node.heapMb < 1_024 ? 8 : 4))), COMMITLOG_MB: String(Math.floor(node.heapMb / 4)),
    COMMITLOG: node.durable ? "commitlog_sync: batch" : "commitlog_sync: periodic\ncommitlog_sync_period: 1000ms",
  };
  return readFileSync(TEMPLATE, "utf8").replace(/@([A-Z_]+)@/g, (whole, name: string) => values[name] ?? whole);
}

// The internals of Java 17 that Cassandra 5.0 reaches into.
const EXPORTS = [
  "java.base/jdk.internal.misc", "java.base/jdk.internal.ref", "java.base/sun.nio.ch",
  "java.management.rmi/com.sun.jmx.remote.internal.rmi", "java.rmi/sun.rmi.registry", "java.rmi/sun.rmi.server",
  "java.rmi/sun.rmi.transport", "java.rmi/sun.rmi.transport.tcp", "java.sql/java.sql",
];
const OPENS = [
  "java.base/java.lang", "java.base/java.lang.module", "java.base/java.lang.reflect", "java.base/java.io",
  "java.base/java.nio", "java.base/java.net", "java.base/java.util", "java.base/java.util.concurrent",
  "java.base/java.util.concurrent.atomic", "java.base/sun.nio.ch", "java.base/jdk.internal.loader",
  "java.base/jdk.internal.ref", "java.base/jdk.internal.reflect", "java.base/jdk.internal.math",
  "java.base/jdk.internal.module", "java.base/jdk.internal.util.jar", "jdk.management/com.sun.management.internal",
];

const MODULES = [...EXPORTS.map((name) => `--add-exports=${name}=ALL-UNNAMED`), ...OPENS.map((name) => `--add-opens=${name}=ALL-UNNAMED`)];

/** Arguments for `java` to run nodetool against a node of this machine that was started with a `jmxPort`. */
export function nodetoolArguments(dataDir: string, jars: string, jmxPort: number, command: readonly string[]): string[] {
  const conf = path.join(dataDir, "conf");
  return [
    "-Xmx64m", ...MODULES, `-Dcassandra.logdir=${path.join(dataDir, "tmp")}`, `-Dcassandra.storagedir=${dataDir}`, `-Dlogback.configurationFile=${path.join(conf, "logback.xml")}`,
    "-cp", `${conf}:${path.join(jars, "*")}`, "org.apache.cassandra.tools.NodeTool", "-p", String(jmxPort), ...command,
  ];
}

/** Arguments for `java`; `conf` holds cassandra.yaml and logback.xml. */
export function javaArguments(dataDir: string, conf: string, jars: string, { heapMb, brief, jmxPort }: { heapMb: number; brief: boolean; jmxPort?: number }): string[] {
  return [
    ...(brief ? ["-XX:TieredStopAtLevel=1"] : []),
    `-Xms${heapMb}m`, `-Xmx${heapMb}m`, "-XX:+UseSerialGC", "-XX:MaxDirectMemorySize=256m", "-Xss512k",
    `-javaagent:${path.join(jars, "jamm-0.4.0.jar")}`, "-Djdk.attach.allowAttachSelf=true", ...MODULES,
    ...(jmxPort === undefined ? [] : [`-Dcassandra.jmx.local.port=${jmxPort}`]),
    "-Djava.net.preferIPv4Stack=true", `-Djava.io.tmpdir=${path.join(dataDir, "tmp")}`,
    `-Dcassandra.logdir=${path.join(dataDir, "logs")}`, `-Dlogback.configurationFile=${path.join(conf, "logback.xml")}`,
    `-Dcassandra.config=file:${path.join(conf, "cassandra.yaml")}`, `-Dcassandra.storagedir=${dataDir}`, "-Dcassandra-foreground=yes",
    "-Dcassandra.skip_wait_for_gossip_to_settle=0", "-Dcassandra.ring_delay_ms=1000", "-Dcassandra.superuser_setup_delay_ms=0",
    "-Dcassandra.consistent.rangemovement=false",
    "-cp", `${conf}:${path.join(jars, "*")}`, "org.apache.cassandra.service.CassandraDaemon",
  ];
}
