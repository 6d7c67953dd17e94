// `npm run bench:media`: addresses signed a second, and a file of 5 MiB from the announcement to the ack beside a bare PUT of such a file
// to the same store in the same run. On local R2, as `npm start` has it, and on an S3 server that checks hashes itself.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { CreateBucketCommand } from "@aws-sdk/client-s3";
import { s3Client, type Servers, startS3 } from "../archive/servers.ts";
import { launch, type Launched } from "../launch.ts";
import { cpuOf } from "../processes.ts";
import { median, type Percentiles, Samples } from "../samples.ts";
import { putOver } from "./line.ts";
import { type File, newFile, type Signed, Steps, tokenOf } from "./steps.ts";

const MIB = 1024 * 1024;
/** Of a user's uploads that wait, what one more is told: there may be 1,000. */
const OF_EACH = 900;
const WARM_UP = 3;

interface Rate extends Percentiles {
  what: string;
  a_second: number;
  /** Of the runtime, for each. */
  cpu_ms: number;
}

interface Ways {
  /** Of the line between client and store, Mbit/s; null: as fast as the machine is. */
  line: number | null;
  put_ms: number;
  announced_ms: number;
  sent_ms: number;
}

/** `many` of them, `abreast` at any time. */
async function rate(what: string, product: Launched, many: number, abreast: number, step: (nth: number) => Promise<unknown>): Promise<Rate> {
  const samples = new Samples();
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let nth = next++; nth < many; nth = next++) {
      const began = performance.now();
      await step(nth);
      samples.add(performance.now() - began);
    }
  };
  const [began, cpu] = [performance.now(), cpuOf(product.pids.workerd)];
  await Promise.all(Array.from({ length: abreast }, () => lane()));
  const took = performance.now() - began;
  return { what, a_second: (many / took) * 1_000, cpu_ms: (cpuOf(product.pids.workerd) - cpu) / many, ...(samples.percentiles() as Percentiles) };
}

async function rates(product: Launched, many: number): Promise<Rate[]> {
  const users = await Promise.all(Array.from({ length: Math.ceil((2 * many) / OF_EACH) + 32 }, (_, i) => Steps.of(product.url, `rate-${i}`)));
  const stepsOf = (nth: number): Steps => users[nth % users.length] as Steps;
  const sha256 = newFile(1).sha256;
  const announce = (nth: number) => stepsOf(nth).announce({ bytes: { length: 5 * MIB }, sha256 });
  const nothing = (nth: number) => stepsOf(nth).nothing();
  await Promise.all(users.map((user) => user.nothing()));
  return [
    await rate("a request that does nothing, one at a time", product, many, 1, nothing),
    await rate("upload-url, one at a time", product, many, 1, announce),
    await rate("a request that does nothing, 32 at a time", product, many, 32, nothing),
    await rate("upload-url, 32 at a time", product, many, 32, announce),
  ];
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/** Medians of `times` uploads, each beside a bare PUT, in turns. */
async function ways(product: Launched, times: number, size: number, line: number | null): Promise<Ways> {
  const write = (given: Signed, file: File) => (line === null ? ann.put(given, file) : putOver(line, given, file));
  const ann = await Steps.of(product.url, "way-ann");
  await tokenOf(product.url, "way-bob");
  const [puts, announced, sent]: [number[], number[], number[]] = [[], [], []];
  for (let nth = -WARM_UP; nth < times; nth += 1) {
    const [bare, whole] = [newFile(size), newFile(size)];
    // The bare PUT has its address already.
    const address = await ann.announce(bare);
    const put = () => timed(() => write(address, bare));
    let signed = 0;
    const all = () => timed(async () => {
      const began = performance.now();
      const given = await ann.announce(whole);
      await write(given, whole);
      signed = performance.now() - began;
      await ann.send(given, "way-bob");
    });
    const took = new Map<typeof put, number>();
    for (const way of nth % 2 === 0 ? [put, all] : [all, put]) took.set(way, await way());
    if (nth < 0) continue;
    puts.push(took.get(put) ?? 0);
    announced.push(signed);
    sent.push(took.get(all) ?? 0);
  }
  return { line, put_ms: median(puts), announced_ms: median(announced), sent_ms: median(sent) };
}

function say(store: string, found: Rate[], uploads: Ways[], size: number): void {
  const cell = (value: number, digits = 1): string => value.toFixed(digits).padStart(9);
  console.log(`\n${store}`);
  console.log(`${"".padEnd(46)}${"a second".padStart(9)}${"p50 ms".padStart(9)}${"p99 ms".padStart(9)}${"CPU ms".padStart(9)}`);
  for (const { what, a_second, p50, p99, cpu_ms } of found) console.log(`${what.padEnd(46)}${cell(a_second, 0)}${cell(p50)}${cell(p99)}${cell(cpu_ms, 2)}`);
  for (const { line, put_ms, announced_ms, sent_ms } of uploads) {
    const more = (ms: number): string => `${ms.toFixed(1)} ms, ${(ms / put_ms).toFixed(2)} of it`;
    console.log(`${size / MIB} MiB ${line === null ? "as fast as it goes" : `over ${line} Mbit/s`}: a bare PUT ${put_ms.toFixed(1)} ms; announced and put ${more(announced_ms)}; announced, put and sent ${more(sent_ms)}`);
  }
}

const { values } = parseArgs({ options: { requests: { type: "string", default: "2000" }, uploads: { type: "string", default: "30" }, line: { type: "string", default: "50" }, s3: { type: "string" }, json: { type: "string" } } });
const [requests, uploads, line, size] = [Number(values.requests), Number(values.uploads), Number(values.line), 5 * MIB];
if (!(requests >= 1 && requests <= 10_000 && uploads >= 1 && uploads <= 300 && line > 0)) {
  throw new Error("usage: npm run bench:media -- [--requests 2000] [--uploads 30] [--line 50, Mbit/s] [--s3 URL] [--json FILE]");
}

const folder = mkdtempSync(path.join(tmpdir(), "confab-bench-media-"));
const s3 = await startS3(values.s3 ?? null, folder);
const results: Record<string, { rates: Rate[]; uploads: Ways[] }> = {};
try {
  const bucket = `bench-${process.pid}-${Date.now()}`;
  const client = s3Client({ ...s3.settings, S3_BUCKET: bucket } as Servers["s3"]);
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
  const { S3_ENDPOINT = "", S3_REGION = "", S3_ACCESS_KEY_ID = "", S3_SECRET_ACCESS_KEY = "" } = s3.settings;
  const stores: Record<string, Record<string, string>> = {
    "local R2": {},
    "an S3 server that checks hashes": {
      MEDIA_ENDPOINT: S3_ENDPOINT, MEDIA_REGION: S3_REGION, MEDIA_BUCKET: bucket, MEDIA_ACCESS_KEY_ID: S3_ACCESS_KEY_ID, MEDIA_SECRET_ACCESS_KEY: S3_SECRET_ACCESS_KEY,
      MEDIA_VERIFIES_SHA256: "on",
    },
  };
  for (const [name, env] of Object.entries(stores)) {
    const product = await launch(null, env);
    try {
      const found = await rates(product, requests);
      const took = [await ways(product, uploads, size, null), await ways(product, uploads, size, line)];
      results[name] = { rates: found, uploads: took };
      say(name, found, took, size);
    } finally {
      await product.stop(false);
    }
  }
} finally {
  await s3.stop();
  rmSync(folder, { recursive: true, force: true });
}
console.log(`load average ${loadavg()[0]?.toFixed(1)}`);
if (values.json !== undefined) {
  const machine = { cores: availableParallelism(), model: cpus()[0]?.model ?? "unknown", load_average: loadavg() };
  writeFileSync(values.json, `${JSON.stringify({ at: new Date().toISOString(), machine, requests, uploads, size, stores: results }, null, 2)}\n`);
}
