// An erased person: what they wrote is in no file of any store, wherever it had got to, and nothing brings it back; what others
// wrote is as it was.
import { randomBytes, randomUUID } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Product, startProduct } from "../product.ts";
import { codeOf, newUser, operator, statsOf, until, type User } from "./api.ts";
import { archiverCommand, type Ended } from "./archiver-command.ts";
import { bucketOf } from "./bucket-of.ts";
import { objectFile, removeObject } from "./object-file.ts";
import { filesWith } from "./planted.ts";

const ENV = {
  CONFAB_RATE_LIMIT: "0", CONFAB_SEAL_EVENTS: "20", CONFAB_SEAL_AFTER_MS: "300", CONFAB_HOT_EVENTS: "5", CONFAB_HOT_DAYS: "0", ARCHIVER_POLL_MS: "200",
  CONFAB_SETTLE_AFTER_MS: "300", CONFAB_FANOUT_WRITE_MAX: "3", CONFAB_FANOUT_WRITE_AGAIN: "2",
};
/** An object that nobody asks for leaves memory after about ten seconds, and its write-ahead log goes with it. */
const ASLEEP_MS = 40_000;

let product: Product;
beforeAll(async () => {
  product = await startProduct({ env: ENV });
});
afterAll(() => product.discard());

const word = () => `planted${randomBytes(6).toString("hex")}`;

/** Every kind of content that a person leaves in a conversation, each with the word. */
async function write(ann: User, peer: User, where: string | User, planted: string): Promise<string> {
  const first = await ann.send(where, `${planted} `.repeat(300));
  const id = first.conversation_id;
  const others = await peer.send(id, "not planted");
  const socket = await ann.socket();
  const aim = { client_msg_id: randomUUID(), conversation_id: id };
  await socket.ask({ type: "edit", ...aim, target_msg_id: first.msg_id, content: `edited: ${planted}` });
  await socket.ask({ type: "react", ...aim, client_msg_id: randomUUID(), target_msg_id: others.msg_id, emoji: planted, on: true });
  await socket.ask({ type: "react", ...aim, client_msg_id: randomUUID(), target_msg_id: first.msg_id, emoji: `${planted}!`, on: true });
  await ann.send(id, `a reply: ${planted}`, { reply_to: others.msg_id, mentions: [peer.name] });
  await socket.close();
  return id;
}

async function erased(user: User, ...flags: string[]): Promise<Ended> {
  const ended = await archiverCommand(product, ["erase", user.name, ...flags]);
  if (ended.lines.length !== 1) throw new Error(`erase ended with ${ended.code}: ${ended.stderr}`);
  return ended;
}

const answerOf = ({ lines }: Ended) => lines[0] as Record<string, unknown>;

const inBucket = (planted: string) => filesWith(product.dataDir, planted).filter((file) => file.includes("/blobs/"));

async function untilNowhere(planted: string): Promise<void> {
  await expect.poll(() => filesWith(product.dataDir, planted), { timeout: ASLEEP_MS, interval: 1_000 }).toEqual([]);
}

async function untilReached(service: User, id: string, mark: "archived_seq" | "pruned_seq", seq: number): Promise<void> {
  await until(() => statsOf(service, id), (stats) => stats[mark] >= seq, 30_000);
}

test("[X4] an erased person's content is in no file of any store, whether it was hot, pruned, waiting, quarantined or replayed", async () => {
  const service = await operator(product);
  const [ann, bob, eve, dan] = [await newUser(product), await newUser(product), await newUser(product), await newUser(product)];
  const planted = word();
  expect((await ann.call("PATCH", "/v1/users/me", { name: `Name ${planted}`, handle: planted.slice(0, 20), custom: { about: planted }, avatar_key: planted })).status).toBe(200);
  await ann.call("PUT", "/v1/devices/phone", { platform: "apns", token: planted });

  const direct = await write(ann, bob, bob, planted);
  const group = (await bob.group([ann, eve])).conversation_id;
  await write(ann, bob, group, planted);
  const large = (await ann.group([bob, eve, dan])).conversation_id;
  await write(ann, bob, large, planted);
  for (const id of [group, direct]) for (let i = 0; i < 20; i += 1) await bob.send(id, `filler ${i}`);
  await untilReached(service, group, "pruned_seq", 10);

  const before = await bob.history(direct);
  const { archiver } = product.pids();
  if (archiver === null) throw new Error("no archiver runs");
  process.kill(archiver, "SIGSTOP");
  const waiting = (await bob.group([ann])).conversation_id;
  await write(ann, bob, waiting, planted);
  for (let i = 0; i < 20; i += 1) await bob.send(waiting, `filler ${i}`);
  const bucket = bucketOf(product);
  const key = await until(async () => (await bucket.keys()).find((name) => name.includes(waiting)), (found) => found !== undefined) as string;
  await until(async () => inBucket(planted), (files) => files.length > 0);
  const older = { key, bytes: await bucket.bytes(key) as Uint8Array<ArrayBuffer>, metadata: await bucket.metadata(key) };
  // One that is wrong, under another key of the same conversation, and one that nobody can read.
  const broken = { ...older, key: key.replace(/\d+-\d+\.ndjson/u, "901-930.ndjson") };
  await bucket.put(broken);
  await bucket.put({ ...older, key: key.replace(/\d+-\d+\.ndjson/u, "801-830.ndjson"), bytes: gzipSync(`${gunzipSync(older.bytes).toString().slice(0, 300)}`) });

  const reported = (await ann.send(direct, `reported: ${planted}`)).msg_id;
  await bob.call("POST", "/v1/reports", { conversation_id: direct, msg_id: reported, reason: "what ann says" });
  const others = (await bob.send(direct, "what bob says")).msg_id;
  await ann.call("POST", "/v1/reports", { conversation_id: direct, msg_id: others, reason: `because of ${planted}` });
  const dry = await erased(ann, "--dry-run");
  expect(dry).toMatchObject({ code: 0, lines: [{ dry_run: true, found: { reports: 2, conversations: 4 } }] });
  const counted = (answerOf(dry)["found"] as { messages: number }).messages;
  expect(counted).toBe(9);
  expect(filesWith(product.dataDir, planted)).not.toEqual([]);

  // While nobody archives: what is unreadable is left, and said.
  const first = await erased(ann);
  expect(first).toMatchObject({ code: 3, lines: [{ erased: { messages: counted, groups_left: 3, reports: 2 }, left: { messages: 0, archived_rows: 0, bucket_objects: 0 } }] });
  expect((answerOf(first)["left"] as { unreadable_objects: string[] }).unreadable_objects).toHaveLength(1);
  const second = await erased(ann, "--drop-unreadable");
  expect(second).toMatchObject({ code: 0, lines: [{ erased: { messages: 0, reactions: 0, archived_rows: 0, reports: 0 }, nothing_left: true }] });
  await untilNowhere(planted);

  process.kill(archiver, "SIGCONT");
  for (const id of [direct, group, large, waiting]) {
    const { head_seq } = await statsOf(service, id);
    await untilReached(service, id, "archived_seq", head_seq);
  }
  // The older copies once more: of a segment that is archived, and under a key that is nobody's.
  await bucket.put(older);
  await bucket.put(broken);
  await until(async () => bucket.keys(), (keys) => !keys.includes(older.key), 30_000);
  expect((await erased(ann)).code).toBe(0);
  await untilNowhere(planted);
  await bucket.delete(broken.key);

  // The chain of hashes verifies all the same.
  const audit = await archiverCommand(product, ["audit", direct, group, large, waiting]);
  expect(audit.code, JSON.stringify(audit.lines)).toBe(0);
  // The index of words is as good as before.
  const hits = async (q: string) => (await bob.call<{ hits: unknown[] }>("GET", `/v1/conversations/${group}/search?q=${q}`)).body.hits.length;
  expect([await hits("filler"), await hits(planted)]).toEqual([20, 0]);
  // What others wrote is as it was, and of hers the place.
  const after = await bob.history(direct);
  const contents = (events: typeof after) => events.filter((event) => "sender_id" in event && event.sender_id === bob.name && event.type === "msg").map((event) => (event as { content: string }).content);
  expect(contents(after)).toEqual([...contents(before), "what bob says"]);
  expect(after.find((event) => event.seq === 1)).toMatchObject({ type: "msg", content: "", sender_id: ann.name, deleted_at: expect.any(Number) as number });
  expect(JSON.stringify(after)).not.toContain("reactions");
  expect(await bob.history(group)).toHaveLength((await statsOf(service, group)).head_seq);
  // She is out, and nobody finds her.
  expect(codeOf(await ann.call("GET", "/v1/users/me"))).toMatch(/^40[13] /u);
  expect((await bob.call("GET", `/v1/users/${ann.name}`)).body).toEqual({ user_id: ann.name, name: null, handle: null, avatar_key: null, custom: {}, deactivated: true });
  expect((await bob.call(`GET`, `/v1/conversations/${group}`)).text).not.toContain(`"${ann.name}"`);
}, 300_000);

test("[X6] a conversation that is restored from the archive comes back without what an erased person wrote", async () => {
  const service = await operator(product);
  const [ann, bob] = [await newUser(product), await newUser(product)];
  const planted = word();
  const id = (await bob.group([ann])).conversation_id;
  await write(ann, bob, id, planted);
  for (let i = 0; i < 20; i += 1) await bob.send(id, `filler ${i}`);
  expect((await erased(ann)).code).toBe(0);
  const stats = await until(() => statsOf(service, id), ({ archived_seq, head_seq, fanout_seq }) => archived_seq === head_seq && fanout_seq === head_seq, 30_000);
  const before = (await bob.history(id)).map((event) => ({ ...event, epoch: 0 }));
  await product.stop();
  removeObject(objectFile(product, id));
  await product.restart();
  expect(codeOf(await bob.call("POST", "/v1/messages", { conversation_id: id, content: "lost?", client_msg_id: "lost" }))).toBe("503 needs_restore");
  const restored = await archiverCommand(product, ["restore", id]);
  expect(restored, restored.stderr).toMatchObject({ code: 0, lines: [{ result: "restored", head_seq: stats.head_seq }] });
  expect((await bob.history(id)).map((event) => ({ ...event, epoch: 0 })).slice(0, before.length)).toEqual(before);
  expect((await archiverCommand(product, ["export", "conversation", id])).code).toBe(0);
  expect((await erased(ann)).code).toBe(0);
  await untilNowhere(planted);
}, 180_000);
