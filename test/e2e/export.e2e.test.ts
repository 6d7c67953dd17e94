// What an export holds: all of it, once, in order, as it was sealed and as members see it, while everything goes on beside it.
import { createHash, randomUUID } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { contentText, type SegmentEvent } from "../../protocol/segment.ts";
import { type Product, startProduct } from "../product.ts";
import { newUser, operator, statsOf, until, type User } from "./api.ts";
import { archiverCommand, startArchiverCommand } from "./archiver-command.ts";

let product: Product;
beforeAll(async () => {
  product = await startProduct({
    env: { CONFAB_RATE_LIMIT: "0", CONFAB_SEAL_EVENTS: "20", CONFAB_SEAL_AFTER_MS: "300", CONFAB_HOT_EVENTS: "5", CONFAB_HOT_DAYS: "0", ARCHIVER_POLL_MS: "200" },
  });
});
afterAll(() => product.discard());

interface Line {
  line: string;
  sealed: SegmentEvent;
  now: Record<string, unknown>;
  [field: string]: unknown;
}

async function exported(...args: string[]): Promise<Line[]> {
  const { code, lines, stderr } = await archiverCommand(product, ["export", ...args]);
  if (code !== 0) throw new Error(`export ended with ${code}: ${stderr}`);
  return lines as Line[];
}

const eventsOf = (lines: readonly Line[]) => lines.filter(({ line }) => line === "event");

/** A message with each kind of change, in a conversation that has been archived and pruned in part. */
async function talk(ann: User, bob: User, id: string, count: number): Promise<void> {
  const socket = await ann.socket();
  for (let i = 0; i < count; i += 1) {
    const { msg_id } = await (i % 3 === 0 ? bob : ann).send(id, `message ${i}`, i % 4 === 1 ? { mentions: [bob.name] } : {});
    const change = { client_msg_id: randomUUID(), conversation_id: id, target_msg_id: msg_id };
    if (i % 3 !== 0 && i % 5 === 1) await socket.ask({ type: "edit", ...change, content: `message ${i}, edited` });
    if (i % 7 === 2) await socket.ask({ type: "react", ...change, emoji: "👍", on: true });
    if (i % 3 !== 0 && i % 11 === 4) await socket.ask({ type: "delete", ...change });
  }
  await socket.close();
}

test("[X1] an export has every event once, in order, with its hash, and shows what history shows, while others write, seal and prune", async () => {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  const { conversation_id: id } = await ann.group([bob]);
  await talk(ann, bob, id, 60);
  const service = await operator(product);
  await until(() => statsOf(service, id), ({ pruned_seq }) => pruned_seq >= 30, 30_000);
  const writing = talk(ann, bob, id, 60);
  for (let i = 0; i < 4; i += 1) {
    const lines = await exported("conversation", id);
    expect(lines[0]).toMatchObject({ line: "conversation", conversation_id: id });
    const seqs = eventsOf(lines).map(({ sealed }) => sealed.seq);
    expect(seqs).toEqual(seqs.map((_, at) => at + 1));
    expect(lines.at(-1)).toMatchObject({ line: "end", events: seqs.length, head_seq: seqs.length, epoch: 1 });
  }
  await writing;
  await until(() => statsOf(service, id), ({ pruned_seq, head_seq }) => pruned_seq >= head_seq - 6, 30_000);
  const lines = eventsOf(await exported("conversation", id));
  expect(lines.map(({ now }) => now)).toEqual(await ann.history(id));
  for (const { sealed } of lines) {
    const hash = createHash("sha256").update(Buffer.from(sealed.salt, "hex")).update(contentText(sealed)).digest("hex");
    // Of what was deleted the hash is of what was.
    if (Number.parseInt(sealed.salt, 16) !== 0) expect(hash).toBe(sealed.content_hash);
  }
}, 120_000);

test("[X2] a user's export is all that they wrote, and what is kept of them, and nobody else's content", async () => {
  const [ann, bob, eve] = [await newUser(product), await newUser(product), await newUser(product)];
  await ann.call("PATCH", "/v1/users/me", { name: "Ann A.", custom: { likes: "tea" } });
  await ann.call("PUT", "/v1/devices/phone", { platform: "apns", token: "a-token" });
  await ann.call("PUT", `/v1/blocks/${eve.name}`);
  const { conversation_id: group } = await ann.group([bob]);
  const left = (await bob.group([ann])).conversation_id;
  await talk(ann, bob, group, 40);
  await ann.send(left, "before leaving");
  await bob.send(left, "bob's own words");
  const { conversation_id: direct, msg_id } = await bob.send(ann, "hello");
  await ann.send(bob, "hello yourself");
  await ann.call("POST", "/v1/reports", { conversation_id: direct, msg_id, reason: "too friendly" });
  expect((await ann.call("DELETE", `/v1/conversations/${left}/members/${ann.name}`)).status).toBe(204);
  const service = await operator(product);
  await until(() => statsOf(service, group), ({ pruned_seq }) => pruned_seq >= 20, 30_000);
  await until(() => exported("user", ann.name), (lines) => lines.some(({ conversation_id, left_at }) => conversation_id === left && left_at !== null), 30_000);

  const lines = await exported("user", ann.name);
  const of = (wanted: string) => lines.filter(({ line }) => line === wanted);
  expect(of("account")).toMatchObject([{ user_id: ann.name, name: "Ann A.", custom: { likes: "tea" } }]);
  expect(of("device")).toMatchObject([{ device_id: "phone", platform: "apns" }]);
  expect(of("block")).toMatchObject([{ user_id: eve.name }]);
  expect(of("report")).toMatchObject([{ reporter_id: ann.name, reason: "too friendly" }]);
  expect(of("membership").map(({ conversation_id }) => String(conversation_id)).toSorted()).toEqual([group, left, direct].toSorted());
  expect(of("membership").every(({ stays }) => (stays as unknown[]).length === 1)).toBe(true);
  expect(eventsOf(lines).every(({ sealed }) => sealed.sender_id === ann.name)).toBe(true);
  const own = (await Promise.all([group, direct].map((id) => ann.history(id)))).flat().filter((event) => "sender_id" in event && event.sender_id === ann.name);
  const now = eventsOf(lines).map((line) => line.now).filter(({ conversation_id }) => conversation_id !== left);
  expect(now).toHaveLength(own.length);
  expect(now).toEqual(expect.arrayContaining(own));
  expect(JSON.stringify(lines)).toContain("before leaving");
  expect(JSON.stringify(lines)).not.toContain("bob's own words");
  expect(lines.at(-1)).toMatchObject({ line: "end", events: eventsOf(lines).length, conversations: 3, reports: 1 });
}, 120_000);

test("[X3] a file is there whole or not at all; what is absent is said; a hole in the archive ends the export", async () => {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  const { conversation_id: id } = await ann.group([bob]);
  await talk(ann, bob, id, 40);
  const service = await operator(product);
  await until(() => statsOf(service, id), ({ pruned_seq }) => pruned_seq >= 20, 30_000);
  const out = path.join(product.dataDir, "export.ndjson");
  expect(await archiverCommand(product, ["export", "conversation", id, "--out", out])).toMatchObject({ code: 0, lines: [] });
  expect(readFileSync(out, "utf8").trimEnd().split("\n").at(-1)).toContain('"line":"end"');
  expect((await archiverCommand(product, ["export", "user", "nobody-knows"])).code).toBe(1);
  expect((await archiverCommand(product, ["export", "conversation", `g.${"0".repeat(32)}`])).code).toBe(1);
  expect((await archiverCommand(product, ["export", "planet", id])).code).toBe(2);

  const second = path.join(product.dataDir, "second.ndjson");
  const interrupted = startArchiverCommand(product, ["export", "conversation", id, "--out", second]);
  interrupted.kill("SIGKILL");
  await interrupted.ended;
  expect(existsSync(second)).toBe(false);

  const { DatabaseSync } = await import("node:sqlite");
  const archive = new DatabaseSync(path.join(product.dataDir, "archive", "archive.sqlite"), { timeout: 5_000 });
  archive.prepare("DELETE FROM messages WHERE conversation_id = ? AND seq = 7").run(id);
  archive.close();
  const holed = await archiverCommand(product, ["export", "conversation", id]);
  expect(holed.code).toBe(1);
  expect(holed.stderr).toContain("seq 7 of");
  expect(holed.lines.some(({ line }) => line === "end")).toBe(false);
}, 120_000);
