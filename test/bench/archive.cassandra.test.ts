// The archive's bench in its short form: that it archives, counts and compares, and that its check finds what is wrong. No rates.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { Client } from "cassandra-driver";
import { expect, onTestFinished, test } from "vitest";
import { type Expected } from "../../bench/archive/backlog.ts";
import { checkArchive } from "../../bench/archive/check.ts";
import { type Figures, memoryOf, rateOf } from "../../bench/archive/figures.ts";
import { Fingerprint, type FingerprintRow } from "../../bench/archive/fingerprint.ts";
import { cassandra, s3 } from "../servers.ts";

const MAIN = path.join(import.meta.dirname, "..", "..", "bench", "archive", "main.ts");
const run = promisify(execFile);

test.each([1, 2])("[B18] a backlog of 3,000 messages is archived by %i at once, each row once and as it was sealed", async (archivers) => {
  const [node, store] = await Promise.all([cassandra(), s3()]);
  const folder = mkdtempSync(path.join(tmpdir(), "confab-bench-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const json = path.join(folder, "figures.json");
  const args = ["--messages", "3000", "--warm-up", "1200", "--compaction", "T4", "--conversations", "12", "--segment", "100", "--pages", "20", "--archivers", String(archivers)];
  const { stdout } = await run(process.execPath, [MAIN, ...args, "--cassandra", `${node.host}:${node.port}`, "--s3", store.endpoint, "--json", json], {
    env: { ...process.env, S3_ACCESS_KEY_ID: store.accessKeyId, S3_SECRET_ACCESS_KEY: store.secretAccessKey, S3_REGION: store.region },
  });
  const { figures, problems } = JSON.parse(readFileSync(json, "utf8")) as { figures: Figures; problems: string[] };
  expect(problems).toEqual([]);
  expect(figures).toMatchObject({ rows: 3_000, segments: 36 });
  expect(figures.rows_per_s).toBeGreaterThan(0);
  expect(stdout).toContain("every row is read and compared");
});

test("the check of the bench finds a row that is gone, changed or not of the backlog", async () => {
  const node = await cassandra();
  const keyspace = `bench_check_${process.pid}_${Date.now()}`;
  const client = new Client({ contactPoints: [node.host], localDataCenter: node.datacenter, protocolOptions: { port: node.port }, encoding: { useBigIntAsLong: true } });
  await client.execute(`CREATE KEYSPACE ${keyspace} WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`);
  onTestFinished(async () => {
    await client.execute(`DROP KEYSPACE ${keyspace}`, [], { readTimeout: 60_000 });
    await client.shutdown();
  });
  await client.execute(`USE ${keyspace}`);
  await client.execute("CREATE TABLE messages (conversation_id text, message_id uuid PRIMARY KEY, seq bigint, sender_id text, client_msg_id text, content text, body text, salt blob, content_hash blob)");
  await client.execute("CREATE TABLE segments (n int PRIMARY KEY, count int)");
  const rows = Array.from({ length: 5 }, (_, i): FingerprintRow => ({
    seq: i + 1, msg_id: `019d0000-0000-7000-8000-00000000000${i}`, sender_id: "ann", client_msg_id: `k${i}`, content: `c${i}`, body: `b${i}`, salt: "00", content_hash: "11",
  }));
  const write = (conversation: string, row: FingerprintRow) => client.execute(
    "INSERT INTO messages (conversation_id, message_id, seq, sender_id, client_msg_id, content, body, salt, content_hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [conversation, row.msg_id, BigInt(row.seq), row.sender_id, row.client_msg_id, row.content, row.body, Buffer.from(row.salt, "hex"), Buffer.from(row.content_hash, "hex")], { prepare: true },
  );
  const expected: Expected = { conversation_id: "g.1", msg_ids: [], fingerprint: new Fingerprint(5) };
  for (const row of rows) {
    expected.fingerprint.add(row);
    await write("g.1", row);
  }
  expect(await checkArchive(client, [expected])).toEqual({ rows: 5, segments: 0, problems: [] });
  await write("g.1", { ...(rows[2] as FingerprintRow), content: "forged" });
  expect((await checkArchive(client, [expected])).problems).toEqual(["g.1: 5 rows of 5, or another content"]);
  await client.execute(`DELETE FROM messages WHERE message_id = ${(rows[2] as FingerprintRow).msg_id}`);
  expect((await checkArchive(client, [expected])).problems).toEqual(["g.1: 4 rows of 5, or another content"]);
  await write("g.2", rows[2] as FingerprintRow);
  expect((await checkArchive(client, [expected])).problems[0]).toContain("its conversation is none of the backlog's");
});

test("the bench's rate is that between the first acknowledgement and the last, its memory that of the largest process", () => {
  const acks = Array.from({ length: 101 }, (_, i) => ({ at: 1_000 + i * 10, rows: 100 }));
  expect(rateOf(acks).rows_per_s).toBeCloseTo(10_000);
  expect(rateOf(acks).slowest_tenth).toBeCloseTo(10_000, -2);
  expect(rateOf([...acks, { at: 12_000, rows: 100 }]).slowest_tenth).toBeLessThan(1_000);
  expect(memoryOf([[1, 2, 3], [10, 20, 30, 40]])).toEqual({ first_half: 20, second_half: 40, max: 40 });
});
