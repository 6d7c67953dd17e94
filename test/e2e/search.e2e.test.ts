// Search over HTTP, with a hot window so small that hits are archived, hot and not sealed yet at once.
import { randomBytes, randomUUID } from "node:crypto";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SEARCH_WINDOW } from "../../protocol/limits.ts";
import type { SearchPage } from "../../protocol/rest/search.ts";
import { type Product, startProduct } from "../product.ts";
import { codeOf, errorOf, newUser, operator, statsOf, until, type User } from "./api.ts";
import { filesWith } from "./planted.ts";

const ENV = {
  CONFAB_RATE_LIMIT: "0", CONFAB_SEAL_EVENTS: "20", CONFAB_SEAL_AFTER_MS: "300", CONFAB_HOT_EVENTS: "5", CONFAB_HOT_DAYS: "0", ARCHIVER_POLL_MS: "200",
  CONFAB_SEARCH_TIDY_AFTER_MS: "100",
};

// Where pages were split, or pruning has freed some, bytes that belong to no row stay in the object's own file.
const DATABASE = /confab-Conversation\/[0-9a-f]+\.sqlite$/u;

/** All that a database's tables hold, the index's own among them, as bytes. */
function rowsOf(file: string): string {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all() as { name: string }[];
    const values = tables.flatMap(({ name }) => {
      const rows = database.prepare(`SELECT * FROM "${name}"`);
      // The runtime keeps an alarm's time in nanoseconds.
      rows.setReadBigInts(true);
      return rows.all().flatMap((row) => Object.values(row));
    });
    return values.map((value) => (value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : String(value))).join("\n");
  } finally {
    database.close();
  }
}

let product: Product;
beforeAll(async () => {
  product = await startProduct({ env: ENV });
});
afterAll(() => product.discard());

const inOne = (id: string) => `/v1/conversations/${id}/search`;
const ALL = "/v1/search";

function ask(user: User, place: string, query: Record<string, string | number>) {
  return user.call<SearchPage>("GET", `${place}?${new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)])).toString()}`);
}

async function page(user: User, place: string, query: Record<string, string | number>): Promise<SearchPage> {
  const answer = await ask(user, place, query);
  if (answer.status !== 200) throw new Error(codeOf(answer));
  return answer.body;
}

/** All pages of a search. */
async function hitsOf(user: User, place: string, query: Record<string, string | number>): Promise<SearchPage["hits"]> {
  const hits: SearchPage["hits"] = [];
  for (let cursor: string | null = ""; cursor !== null;) {
    const { hits: more, next_cursor }: SearchPage = await page(user, place, { ...query, ...(cursor === "" ? {} : { cursor }) });
    hits.push(...more);
    cursor = next_cursor;
  }
  return hits;
}

const contents = (hits: SearchPage["hits"]) => hits.map(({ content }) => content);
const marked = ({ content, highlights }: SearchPage["hits"][number]) => highlights.map(([start, end]) => content.slice(start, end));

async function change(user: User, type: "edit" | "delete", conversation_id: string, target_msg_id: string, content?: string): Promise<void> {
  const answer = await user.call<{ frames: { type: string }[] }>("POST", "/v1/frames", { type, client_msg_id: randomUUID(), conversation_id, target_msg_id, ...(content === undefined ? {} : { content }) });
  if (answer.body.frames[0]?.type !== "ack") throw new Error(`no ${type}: ${answer.text}`);
}

async function untilPruned(conversationId: string, seq: number): Promise<void> {
  const service = await operator(product);
  await until(() => statsOf(service, conversationId), (stats) => stats.pruned_seq >= seq);
}

/** A conversation of which most is archived and pruned. */
async function filled(): Promise<{ ann: User; bob: User; id: string; ids: string[] }> {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  const ids: string[] = [];
  let id = "";
  for (let i = 1; i <= 45; i += 1) {
    const ack = await (i % 3 === 0 ? bob : ann).send(i % 3 === 0 ? ann : bob, i % 5 === 0 ? `Crème brûlée ${i}` : `message ${i}`);
    ids.push(ack.msg_id);
    id = ack.conversation_id;
  }
  await untilPruned(id, 35);
  return { ann, bob, id, ids };
}

test("[B2] hits are archived, hot and not sealed at once, as they now are, with their places, newest or best first, page by page", async () => {
  const { ann, bob, id, ids } = await filled();
  await ann.send(bob, "another creme with brulee");
  const expected = ["another creme with brulee", ...[45, 40, 35, 30, 25, 20, 15, 10, 5].map((i) => `Crème brûlée ${i}`)];
  const found = await hitsOf(bob, inOne(id), { q: "creme BRÛLÉE", limit: 3 });
  expect(contents(found)).toEqual(expected);
  expect(marked(found[0] as SearchPage["hits"][number])).toEqual(["creme", "brulee"]);
  expect(marked(found[9] as SearchPage["hits"][number])).toEqual(["Crème", "brûlée"]);
  expect(found[9]).toMatchObject({ type: "msg", seq: 5, msg_id: ids[4], conversation_id: id, sender_id: ann.name });
  expect(contents(await hitsOf(bob, inOne(id), { q: "creme brulee", limit: 4, order: "best" }))).toEqual([...expected.slice(1), expected[0]]);
  expect(contents(await hitsOf(bob, inOne(id), { q: "\"creme brulee\"", sender: bob.name }))).toEqual([45, 30, 15].map((i) => `Crème brûlée ${i}`));
  const [at30, at10] = [found.find(({ seq }) => seq === 30), found.find(({ seq }) => seq === 10)].map((hit) => hit?.sent_at as number);
  const within = found.filter(({ sent_at }) => sent_at >= (at10 as number) && sent_at < (at30 as number));
  expect(within.length).toBeGreaterThan(2);
  expect(await hitsOf(bob, inOne(id), { q: "crem*", from: at10 as number, to: at30 as number })).toMatchObject(within.map(({ seq }) => ({ seq })));

  // Of what is archived already, the new words count at once, and the old ones no more.
  await change(ann, "edit", id, ids[4] as string, "now it is strudel");
  await change(ann, "delete", id, ids[9] as string);
  expect(contents(await hitsOf(bob, inOne(id), { q: "brulee" }))).toEqual(expected.filter((content) => !/ (?:5|10)$/u.test(content)));
  expect(await hitsOf(bob, inOne(id), { q: "strudel" })).toMatchObject([{ seq: 5, content: "now it is strudel", edited_at: expect.any(Number) as number }]);
  // And behind a kill, and once it is all in the index.
  product.killRuntime();
  await until(() => ann.call("GET", "/v1/conversations").catch(() => ({ status: 0 })), ({ status }) => status === 200);
  for (let i = 0; i < 30; i += 1) await ann.send(id, "filler");
  await untilPruned(id, 60);
  expect(await hitsOf(bob, inOne(id), { q: "strudel" })).toMatchObject([{ seq: 5, content: "now it is strudel", highlights: [[10, 17]] }]);
  expect(contents(await hitsOf(bob, inOne(id), { q: "brulee" }))).toHaveLength(8);
  expect(await hitsOf(bob, inOne(id), { q: "10" })).toEqual([]);
}, 60_000);

test("[B2] text without spaces is found by any part of it, archived or not", async () => {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  const { conversation_id } = await ann.send(bob, "昨日東京都に行きました");
  for (let i = 0; i < 30; i += 1) await ann.send(bob, `filler ${i}`);
  await untilPruned(conversation_id, 20);
  await bob.send(ann, "京都も好きです");
  const found = await hitsOf(ann, inOne(conversation_id), { q: "京都" });
  expect(contents(found)).toEqual(["京都も好きです", "昨日東京都に行きました"]);
  expect(found.map(marked)).toEqual([["京都"], ["京都"]]);
  expect(contents(await hitsOf(ann, inOne(conversation_id), { q: "東京 行き" }))).toEqual(["昨日東京都に行きました"]);
});

test("[B2] strangers and removed members find nothing, who came later nothing from before, and who is blocked all that they could read", async () => {
  const [ann, bob, cat, dan] = [await newUser(product), await newUser(product), await newUser(product), await newUser(product)];
  const { conversation_id: id } = await ann.group([bob]);
  await ann.send(id, "apple one");
  await ann.call("PUT", `/v1/conversations/${id}/members/${cat.name}`, {});
  await ann.send(id, "apple two");
  expect(contents(await hitsOf(cat, inOne(id), { q: "apple" }))).toEqual(["apple two"]);
  expect(contents(await hitsOf(cat, ALL, { q: "apple" }))).toEqual(["apple two"]);
  const absent = await ask(dan, inOne(`g.${"f".repeat(32)}`), { q: "apple" });
  for (const answer of [await ask(dan, inOne(id), { q: "apple" })]) expect([answer.status, answer.text]).toEqual([absent.status, absent.text]);
  expect(await hitsOf(dan, ALL, { q: "apple" })).toEqual([]);
  await ann.call("DELETE", `/v1/conversations/${id}/members/${bob.name}`);
  expect(codeOf(await ask(bob, inOne(id), { q: "apple" }))).toBe("404 not_found");
  expect(await hitsOf(bob, ALL, { q: "apple" })).toEqual([]);
  await ann.call("PATCH", `/v1/conversations/${id}`, { history: "all" });
  expect(contents(await hitsOf(cat, inOne(id), { q: "apple" }))).toEqual(["apple two", "apple one"]);

  const { conversation_id: direct } = await dan.send(cat, "apple three");
  await cat.call("PUT", `/v1/blocks/${dan.name}`);
  expect(contents(await hitsOf(dan, inOne(direct), { q: "apple" }))).toEqual(["apple three"]);
});

test("[B2] [C7] a search through all conversations has the newest first, page by page, and leaves out what can't be read", async () => {
  const ann = await newUser(product);
  const others = await Promise.all(Array.from({ length: 13 }, () => newUser(product)));
  const sent: string[] = [];
  for (const round of [1, 2]) {
    for (const [i, other] of others.entries()) {
      const content = `pear ${round} of ${i}`;
      await (i % 2 === 0 ? ann.send(other, content) : other.send(ann, content));
      sent.unshift(content);
    }
  }
  const { conversation_id } = await ann.group([others[0] as User], { encryption: "e2ee" });
  await ann.send(conversation_id, "pear in cipher");
  await others[0]?.send(others[1] as User, "pear of others");
  // Without a settle a conversation is not in the list yet.
  await until(() => hitsOf(ann, ALL, { q: "pear", limit: 50 }), (hits) => hits.length === sent.length);
  expect(contents(await hitsOf(ann, ALL, { q: "pear", limit: 4 }))).toEqual(sent);
  expect(contents(await hitsOf(ann, ALL, { q: "\"pear 1\"", sender: (others[1] as User).name }))).toEqual(["pear 1 of 1"]);
  expect(contents(await hitsOf(ann, ALL, { q: "of pear", order: "best", limit: 5 }))).toEqual(sent);
  expect(codeOf(await ask(ann, inOne(conversation_id), { q: "pear" }))).toBe("400 e2ee_unsupported");
}, 60_000);

test("[B2] all conversations are more than one run of them: every hit comes, also of one that moves up meanwhile", async () => {
  const ann = await newUser(product);
  const others: User[] = [];
  const sent: string[] = [];
  for (let i = 0; i < SEARCH_WINDOW + 5; i += 1) {
    const other = await newUser(product);
    others.push(other);
    await other.send(ann, `fig ${i}`);
    sent.unshift(`fig ${i}`);
  }
  // A conversation is listed once it is settled.
  await until(() => hitsOf(ann, ALL, { q: "fig", limit: 50 }), (hits) => hits.length === sent.length, 30_000);
  expect(contents(await hitsOf(ann, ALL, { q: "fig", limit: 7 }))).toEqual(sent);
  const first = await page(ann, ALL, { q: "fig", limit: SEARCH_WINDOW });
  expect(contents(first.hits)).toEqual(sent.slice(0, SEARCH_WINDOW));
  // The last one in line is the first one now, before its turn came.
  await (others[0] as User).send(ann, "something else");
  await until(() => ann.call<{ conversations: { peer_id: string }[] }>("GET", "/v1/conversations?limit=1"), ({ body }) => body.conversations[0]?.peer_id === others[0]?.name);
  const rest: string[] = [];
  for (let cursor = first.next_cursor; cursor !== null;) {
    const next = await page(ann, ALL, { q: "fig", limit: SEARCH_WINDOW, cursor });
    rest.push(...contents(next.hits));
    cursor = next.next_cursor;
  }
  expect(rest.toSorted()).toEqual(sent.slice(SEARCH_WINDOW).toSorted());
}, 120_000);

describe("[B2] what is no search, and what only looks like one", () => {
  const hostile = [
    "\" OR 1=1 --", "content:x", "NEAR(a b, 2)", "a NOT b", "x* y* z*".replaceAll("*", "**"), "(((((", "\"\"\"\"", "^a", "{content sender}: x", "'; DROP TABLE words; --",
    "a".repeat(256), "字".repeat(60), "\u0000a", "%_", "\u202ea", "ﷺ", "👩‍👩‍👧", "AND", "-x",
  ];
  test("whatever it says is taken as words", async () => {
    const { ann, id } = await filled();
    for (const q of hostile) {
      const answer = await ask(ann, inOne(id), { q });
      expect([q, answer.status === 200 || codeOf(answer) === "400 bad_request"]).toEqual([q, true]);
      if (answer.status === 200) expect([q, answer.body.hits]).toEqual([q, []]);
    }
    expect((await page(ann, inOne(id), { q: "message 1" })).hits).toHaveLength(1);
  });

  test.each([
    ["without q", {}], ["an empty q", { q: "" }], ["signs alone", { q: "?!" }], ["a q over its length", { q: "ab ".repeat(86) }], ["thousands of terms", { q: "ab ".repeat(3_000) }],
    ["too many terms", { q: "a b c d e f g h i j k l m n o p q" }], ["a letter and a star", { q: "a*" }], ["an unknown order", { q: "a", order: "oldest" }],
    ["limit 0", { q: "a", limit: 0 }], ["a limit over 50", { q: "a", limit: 51 }], ["a wrong time", { q: "a", from: "yesterday" }], ["no user's id", { q: "a", sender: "a b" }],
  ])("%s is a bad request", async (_what, query) => {
    const [ann, bob] = [await newUser(product), await newUser(product)];
    const { conversation_id } = await ann.send(bob, "a");
    for (const place of [inOne(conversation_id), ALL]) expect(codeOf(await ask(ann, place, query as Record<string, string>))).toBe("400 bad_request");
  });

  test("a cursor belongs to its user, its place and its query, and none can be made up", async () => {
    const { ann, bob, id } = await filled();
    for (const place of [inOne(id), ALL]) {
      const { next_cursor } = await page(ann, place, { q: "message", limit: 2 });
      const cursor = String(next_cursor);
      expect(codeOf(await ask(bob, place, { q: "message", cursor }))).toBe("400 bad_cursor");
      expect(codeOf(await ask(ann, place, { q: "messages", cursor }))).toBe("400 bad_cursor");
      expect(codeOf(await ask(ann, place, { q: "message", order: "best", cursor }))).toBe("400 bad_cursor");
      expect(codeOf(await ask(ann, place === ALL ? inOne(id) : ALL, { q: "message", cursor }))).toBe("400 bad_cursor");
      for (const other of [`${cursor}0`, cursor.replace(/~\d/u, "~7"), "x", "~~~~"]) expect(codeOf(await ask(ann, place, { q: "message", cursor: other }))).toBe("400 bad_cursor");
      expect((await ask(ann, place, { q: "message", cursor })).status).toBe(200);
    }
  });
});

test("[B2] with the archiver down a page that needs it says so, and one that does not is answered", async () => {
  const { ann, id } = await filled();
  await ann.send(id, "only hot");
  const { archiver } = product.pids();
  if (archiver === null) throw new Error("no archiver runs");
  process.kill(archiver, "SIGSTOP");
  try {
    expect(contents((await page(ann, inOne(id), { q: "hot" })).hits)).toEqual(["only hot"]);
    expect(codeOf(await ask(ann, inOne(id), { q: "5" }))).toBe("503 archive_unavailable");
  } finally {
    process.kill(archiver, "SIGCONT");
  }
  expect(contents(await hitsOf(ann, inOne(id), { q: "5" }))).toEqual(["Crème brûlée 5"]);
}, 60_000);

test("[B2] [C10] the words of a deleted message are in no row and no index, also where it was indexed, edited and archived", async () => {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  // The index alone has it in small letters.
  const word = `PLANTED${randomBytes(8).toString("hex").toUpperCase()}`;
  const { conversation_id, msg_id } = await ann.send(bob, `a ${word} here`);
  for (let i = 0; i < 25; i += 1) await ann.send(bob, `filler ${i}`);
  await untilPruned(conversation_id, 15);
  await change(ann, "edit", conversation_id, msg_id, `edited ${word}too`);
  for (let i = 0; i < 25; i += 1) await ann.send(bob, `filler ${i}`);
  await untilPruned(conversation_id, 40);
  expect(contents(await hitsOf(bob, ALL, { q: `${word}*` }))).toEqual([`edited ${word}too`]);
  const left = (written: string): string[] => filesWith(product.dataDir, written).filter((file) => !DATABASE.test(file) || rowsOf(path.join(product.dataDir, file)).includes(written));
  expect(left(word.toLowerCase())).not.toEqual([]);
  await change(ann, "delete", conversation_id, msg_id);
  expect(await hitsOf(bob, ALL, { q: `${word}*` })).toEqual([]);
  for (const written of [word, word.toLowerCase()]) await expect.poll(() => left(written), { timeout: 45_000, interval: 500 }).toEqual([]);
}, 120_000);

test("[B2] searches have buckets of their own beside the user's requests", async () => {
  const limited = await startProduct({ env: { CONFAB_RATE_LIMIT: "1000", CONFAB_RATE_BURST: "1000" } });
  try {
    const [ann, bob] = [await newUser(limited), await newUser(limited)];
    const { conversation_id } = await ann.send(bob, "plum");
    for (const [place, burst] of [[inOne(conversation_id), 20], [ALL, 5]] as const) {
      const answers = await Promise.all(Array.from({ length: burst + 5 }, () => ask(ann, place, { q: "plum" })));
      const refused = answers.filter(({ status }) => status !== 200);
      expect(answers.length - refused.length).toBeGreaterThanOrEqual(burst);
      expect(refused.length).toBeGreaterThan(0);
      for (const answer of refused) {
        expect(codeOf(answer)).toBe("429 rate_limited");
        expect(errorOf(answer).retry_after_ms).toBeGreaterThan(0);
      }
    }
    expect((await ann.call("GET", "/v1/conversations")).status).toBe(200);
  } finally {
    await limited.discard();
  }
}, 60_000);
