// `npm run bench:archive`: a backlog of segments on a real S3 server is archived into a real Cassandra by the archiver's
// own processes, counted and compared row by row, and read again by pages.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { ListObjectsV2Command } from "@aws-sdk/client-s3";
import { Client } from "cassandra-driver";
import { cpuOf } from "../processes.ts";
import { type Measured, prepareStore, startArchiver } from "./archiver.ts";
import { type Expected, putBacklog } from "./backlog.ts";
import { checkArchive } from "./check.ts";
import { bytesOf } from "./disk.ts";
import { BenchEdge } from "./edge.ts";
import { type Figures, memoryOf, rateOf, report } from "./figures.ts";
import { type Options, readOptions, USAGE, UsageError } from "./options.ts";
import { readPages } from "./pages.ts";
import { untilQuiet } from "./quiet.ts";
import { s3Client, type Servers, startServers } from "./servers.ts";

/** Nothing acknowledged for this long is the end of a run. */
const STALLED_MS = 60_000;
const LOOK_MS = 100;

async function isEmpty(settings: Servers["s3"]): Promise<boolean> {
  const client = s3Client(settings);
  const { KeyCount } = await client.send(new ListObjectsV2Command({ Bucket: settings.S3_BUCKET, MaxKeys: 1 }));
  client.destroy();
  return KeyCount === 0;
}

/** Until every row is acknowledged and every object deleted. */
async function drained(rows: number, edge: BenchEdge, settings: Servers["s3"], archivers: readonly Measured[]): Promise<void> {
  const started = performance.now();
  const troubles = () => archivers.flatMap((archiver) => archiver.troubles).slice(0, 5).join("\n");
  while (edge.rows < rows) {
    if (performance.now() - (edge.acks.at(-1)?.at ?? started) > STALLED_MS) throw new Error(`nothing was acknowledged for ${STALLED_MS / 1_000} s:\n${troubles()}`);
    await pause(LOOK_MS);
  }
  const deadline = performance.now() + STALLED_MS;
  while (!(await isEmpty(settings))) {
    if (performance.now() > deadline) throw new Error(`acknowledged segments stay in the bucket:\n${troubles()}`);
    await pause(LOOK_MS);
  }
}

interface Run {
  options: Options;
  servers: Servers;
  edge: BenchEdge;
  keyspace: string;
  folder: string;
  archivers: Measured[];
}

function environment({ servers, edge, keyspace, folder }: Run, secret: string): Record<string, string> {
  return {
    ...servers.s3, EDGE_URL: edge.url, ARCHIVE_SECRET: secret, ARCHIVER_PORT: "0", DATA_DIR: folder,
    CASSANDRA_CONTACT_POINTS: servers.cassandra.host, CASSANDRA_PORT: String(servers.cassandra.port), CASSANDRA_KEYSPACE: keyspace,
  };
}

async function drain({ options, servers, edge, archivers }: Run, env: Record<string, string>): Promise<{ wallMs: number; cpu: Figures["cpu_us"] }> {
  const cpuNow = () => ({
    archiver: archivers.reduce((sum, archiver) => sum + archiver.cpuMs(), 0),
    cassandra: servers.pids.cassandra === null ? null : cpuOf(servers.pids.cassandra),
    s3: servers.pids.s3 === null ? null : cpuOf(servers.pids.s3),
  });
  const before = cpuNow();
  const started = performance.now();
  for (let i = 0; i < options.archivers; i += 1) {
    archivers.push(await startArchiver(env, options.profile));
  }
  await drained(options.messages, edge, servers.s3, archivers);
  const after = cpuNow();
  const each = (a: number | null, b: number | null) => (a === null || b === null ? null : ((b - a) / options.messages) * 1_000);
  return {
    wallMs: performance.now() - started,
    cpu: { archiver: each(before.archiver, after.archiver), cassandra: each(before.cassandra, after.cassandra), s3: each(before.s3, after.s3) },
  };
}

async function measure(run: Run, secret: string, client: Client): Promise<{ figures: Figures; problems: string[] }> {
  const { options, servers, edge, archivers } = run;
  const env = environment(run, secret);
  const warm = options.warmUp === 0 ? { expected: [], segments: 0 } : await putBacklog({ ...options, messages: options.warmUp }, servers.s3, options.conversations);
  await prepareStore(env);
  if (options.compaction !== null) await client.execute(`ALTER TABLE ${run.keyspace}.messages WITH compaction = {'class': 'UnifiedCompactionStrategy', 'scaling_parameters': '${options.compaction}'}`);
  edge.reset();
  const putting = performance.now();
  const { expected, segments, bytes } = await putBacklog(options, servers.s3);
  console.log(`${options.messages} messages of ${options.conversations} conversations wait in ${segments} segments of ${Math.round(bytes / segments / 1_024)} KB (${Math.round((performance.now() - putting) / 1_000)} s)`);
  if (options.quiet !== null && !(await untilQuiet(options.quiet))) console.log("the machine did not get quiet");
  const load = loadavg()[0] as number;
  const { wallMs, cpu } = await drain(run, env);
  console.log(`archived in ${(wallMs / 1_000).toFixed(1)} s; pages are read`);
  const memory = memoryOf(archivers.map((archiver) => archiver.rss));
  const pages = await readPages((archivers[0] as Measured).url, secret, expected, options.pages);
  const codes = await Promise.all(archivers.map((archiver) => archiver.stop()));
  console.log("every row is read and compared");
  const problems = await problemsOf(run, client, [...warm.expected, ...expected], warm.segments + segments, codes);
  const bytes_per_row = servers.ownNode ? bytesOf(await servers.endNode(), run.keyspace) / (options.messages + options.warmUp) : null;
  return { figures: { rows: options.messages, segments, bytes_per_row, ...rateOf(edge.acks), wall_s: wallMs / 1_000, again: edge.again, cpu_us: cpu, rss_mb: memory, page_ms: pages, load_average: { before: load, after: loadavg()[0] as number } }, problems };
}

async function problemsOf({ options, archivers, keyspace }: Run, client: Client, expected: readonly Expected[], segments: number, codes: readonly (number | string)[]): Promise<string[]> {
  await client.execute(`USE ${keyspace}`);
  const checked = await checkArchive(client, expected);
  return [
    ...checked.problems,
    ...(checked.rows === options.messages + options.warmUp ? [] : [`${checked.rows} rows are archived, not ${options.messages + options.warmUp}`]),
    ...(checked.segments === segments ? [] : [`${checked.segments} segments are in the ledger, not ${segments}`]),
    ...codes.filter((code) => code !== 0).map((code) => `an archiver ended with ${code}`),
    ...archivers.flatMap((archiver) => archiver.troubles),
  ];
}

async function bench(options: Options): Promise<number> {
  const folder = mkdtempSync(path.join(tmpdir(), "confab-bench-archive-"));
  const name = `bench_${process.pid}_${Date.now()}`;
  const servers = await startServers(options, folder, name.replaceAll("_", "-"));
  const edge = await new BenchEdge().open();
  const { host, port } = servers.cassandra;
  const client = new Client({ contactPoints: [host], localDataCenter: "datacenter1", protocolOptions: { port }, encoding: { useBigIntAsLong: true } });
  const archivers: Measured[] = [];
  const end = async () => {
    await Promise.all(archivers.map((archiver) => archiver.stop()));
    await edge.close();
    if (!servers.ownNode) await client.execute(`DROP KEYSPACE IF EXISTS ${name}`, [], { readTimeout: 60_000 });
    await client.shutdown();
    await servers.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  let ending: Promise<void> | null = null;
  // A signal and the failure that follows from it wait for the same end, or the servers would outlive both.
  const stop = () => (ending ??= end());
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const) {
    process.once(signal, () => void stop().finally(() => process.exit(code)));
  }
  try {
    const { figures, problems } = await measure({ options, servers, edge, keyspace: name, folder, archivers }, randomBytes(32).toString("hex"), client);
    console.log(report(figures));
    for (const problem of problems.slice(0, 20)) console.error(`WRONG: ${problem}`);
    if (options.json !== null) {
      const machine = { cores: availableParallelism(), model: cpus()[0]?.model ?? "unknown" };
      writeFileSync(options.json, `${JSON.stringify({ version: 1, at: new Date().toISOString(), node: process.version, machine, options: { ...options, json: null, profile: null }, figures, problems }, null, 2)}\n`);
    }
    return problems.length === 0 ? 0 : 1;
  } finally {
    await stop();
  }
}

try {
  process.exit(await bench(readOptions(process.argv.slice(2))));
} catch (error) {
  console.error(error instanceof UsageError ? `${error.message}\n\n${USAGE}` : `bench:archive: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  process.exit(1);
}
