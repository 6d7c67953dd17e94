// Search against a small model that knows messages as lists of words: whatever is sent, edited, deleted, indexed, sealed, pruned
// and merged, in whatever order, and wherever the object dies in between.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { SearchStore } from "../../durable-objects/conversation/store/search.ts";
import { migrate } from "../../durable-objects/platform/migrate.ts";
import { CONVERSATION_MIGRATIONS } from "../../migrations/conversation.ts";
import { SEARCH } from "../../migrations/conversation/search.ts";
import { SearchWorld } from "./search-world.ts";
import { nodeSql } from "./sqlite.ts";

/** Words as they are written, and by which they are found; `parts` of one that has no spaces within. */
const VOCABULARY = [
  { text: "Café", key: "cafe" }, { text: "CAFE", key: "cafe" }, { text: "cafeteria", key: "cafeteria" }, { text: "naïve", key: "naive" },
  { text: "red", key: "red" }, { text: "Redder", key: "redder" }, { text: "straße", key: "strasse" },
  { text: "日本語", parts: ["日", "本", "語", "日本", "本語", "日本語"] }, { text: "本日", parts: ["本", "日", "本日"] },
] as const;
type Word = (typeof VOCABULARY)[number];

const keyOf = (word: Word | undefined): string | null => (word !== undefined && "key" in word ? word.key : null);
const textOf = (words: readonly Word[]): string => words.map(({ text }) => text).join(" ");

/** How the model understands a query: which messages it finds, and whether as one phrase. */
interface Asked {
  q: string;
  fits(words: readonly Word[]): boolean;
  isPhrase(words: readonly Word[]): boolean;
}

const has = (key: string) => (words: readonly Word[]) => words.some((word) => keyOf(word) === key);
const together = (a: string, b: string) => (words: readonly Word[]) => words.some((word, i) => keyOf(word) === a && keyOf(words[i + 1]) === b);
const ASKED: readonly Asked[] = [
  { q: "CAFÉ", fits: has("cafe"), isPhrase: () => true },
  { q: "strasse", fits: has("strasse"), isPhrase: () => true },
  { q: "cafe*", fits: (words) => has("cafe")(words) || has("cafeteria")(words), isPhrase: has("cafe") },
  { q: "red naive", fits: (words) => has("red")(words) && has("naive")(words), isPhrase: together("red", "naive") },
  { q: "\"naïve red\"", fits: together("naive", "red"), isPhrase: () => true },
  ...["本", "本語", "日本語"].map((part): Asked => ({
    q: part, fits: (words) => words.some((word) => "parts" in word && (word.parts as readonly string[]).includes(part)), isPhrase: () => true,
  })),
];

interface Said {
  sender: string;
  words: readonly Word[];
  deleted: boolean;
}

const words = fc.array(fc.constantFrom(...VOCABULARY), { minLength: 1, maxLength: 5 });
const nth = fc.nat(1_000);
const user = fc.constantFrom("ann", "bob", "cat");
const action = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("say" as const), user, words }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("edit" as const), nth, words }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("delete" as const), nth }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("index" as const, "seal" as const, "archive" as const, "prune" as const, "tidy" as const, "wake" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("join" as const) }) },
);
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;
/** After how many writes the object dies; most of the time not. */
const death = fc.oneof({ weight: 4, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: fc.nat(6) });

class Play {
  readonly world = new SearchWorld();
  readonly said = new Map<number, Said>();
  joined: number | null = null;

  async act(step: Action, writes: number | null): Promise<void> {
    const { world, said } = this;
    const head = world.state.head.seq;
    const targets = [...said].filter(([, message]) => !message.deleted);
    const target = "nth" in step && targets.length > 0 ? targets[step.nth % targets.length] : undefined;
    switch (step.do) {
      case "say":
        if (step.user === "cat" && this.joined === null) return;
        await world.dying(writes, () => world.say(step.user, textOf(step.words)));
        if (world.state.head.seq > head) said.set(head + 1, { sender: step.user, words: step.words, deleted: false });
        return;
      case "edit":
        if (target === undefined) return;
        await world.dying(writes, () => world.edit(target[1].sender, target[0], textOf(step.words)));
        if (world.state.head.seq > head) target[1].words = step.words;
        return;
      case "delete":
        if (target === undefined) return;
        await world.dying(writes, () => world.delete(target[1].sender, target[0]));
        if (world.state.head.seq > head) target[1].deleted = true;
        return;
      case "join":
        if (this.joined !== null) return;
        world.join("cat");
        world.wake();
        this.joined = world.state.members.get("cat")?.joined_seq ?? null;
        return;
      case "index": return void (await world.dying(writes, () => world.index()));
      case "seal": return void (await world.dying(writes, () => world.seal()));
      case "archive": return void (await world.dying(writes, () => { world.archiveAll(); }));
      case "prune": return void (await world.dying(writes, () => { world.prune(); }));
      case "tidy": return void (await world.dying(writes, () => world.tidy()));
      case "wake": world.wake();
    }
  }

  check(): void {
    for (const asked of ASKED) {
      for (const reader of ["ann", "cat"]) {
        const from = reader === "ann" ? 1 : this.joined;
        if (from === null) {
          expect(this.world.find(reader, { q: asked.q })).toEqual({ ok: false, code: "not_found" });
          continue;
        }
        const found = [...this.said].filter(([seq, message]) => seq >= from && !message.deleted && asked.fits(message.words)).toReversed();
        const best = found.toSorted(([, a], [, b]) => Number(asked.isPhrase(b.words)) - Number(asked.isPhrase(a.words)));
        const hits = (list: typeof found) => list.map(([seq, { words: now }]) => ({ seq, content: textOf(now) }));
        expect(this.world.findAll(reader, { q: asked.q })).toEqual(hits(found));
        expect(this.world.findAll(reader, { q: asked.q, order: "best" })).toEqual(hits(best));
        expect(this.world.findAll(reader, { q: asked.q, sender: "bob" })).toEqual(hits(found.filter(([, { sender }]) => sender === "bob")));
      }
    }
  }
}

test("[B2] what is found is what the messages say now, of what the member may see, whatever happened", async () => {
  await fc.assert(fc.asyncProperty(fc.array(fc.tuple(action, death), { minLength: 5, maxLength: 80 }), async (steps) => {
    const play = new Play();
    for (const [step, writes] of steps) await play.act(step, writes);
    play.check();
    // And once everything is where it will be in the end.
    for (const last of ["seal", "archive", "index", "prune", "tidy", "wake"] as const) await play.act({ do: last }, null);
    play.check();
    const { pruned_seq } = play.world.state.marks;
    expect(play.world.indexing.indexedSeq).toBeGreaterThanOrEqual(pruned_seq);
  }), { numRuns: 150 });
}, 120_000);

test("[B2] no body goes before the index has its words, and of pruned messages they are found", async () => {
  const world = new SearchWorld();
  world.settings.seal_events = 1_000;
  for (let i = 0; i < 10; i += 1) world.say("ann", `word${i} pear`);
  await world.seal();
  world.archiveAll();
  world.prune();
  expect(world.state.marks.pruned_seq).toBe(0);
  await world.index();
  world.prune();
  expect(world.state.marks.pruned_seq).toBeGreaterThan(5);
  expect(world.store.readEvent(2)?.body).toBeNull();
  expect(world.findAll("bob", { q: "word0" })).toEqual([{ seq: 2, content: "word0 pear" }]);
  expect(world.findAll("bob", { q: "pear" })).toHaveLength(10);
});

test("[B2] pruning goes only as far as the index has come", async () => {
  const world = new SearchWorld();
  world.settings.seal_events = 1_000;
  for (let i = 0; i < 600; i += 1) world.say("ann", `word${i}`);
  await world.seal();
  world.archiveAll();
  world.indexing.step();
  expect(world.indexing.indexedSeq).toBe(256);
  world.prune();
  expect(world.state.marks.pruned_seq).toBe(256);
  expect(world.sealing.pruneDue(world.now)).toBeNull();
  expect(world.findAll("bob", { q: "word100" })).toHaveLength(1);
  expect(world.findAll("bob", { q: "word500" })).toHaveLength(1);
});

test("[B2] from and to clip by the time of sending, from included and to not", async () => {
  const world = new SearchWorld();
  const seqs = Array.from({ length: 12 }, () => {
    world.now += 1_000;
    return world.say("ann", "pear");
  });
  await world.index();
  world.edit("ann", seqs[3] as number, "pear again");
  const at = (i: number) => world.now - 1 - (11 - i) * 1_001;
  const found = world.findAll("ann", { q: "pear", from: at(3), to: at(6) }).map(({ seq }) => seq);
  expect(found).toEqual([seqs[5], seqs[4], seqs[3]]);
});

test("[C7] of an encrypted conversation nothing is indexed, nothing waits for it, and a search is told so", async () => {
  const world = new SearchWorld("e2ee");
  for (let i = 0; i < 20; i += 1) world.say("ann", `cipher${i}`);
  world.indexing.hurry();
  expect(world.indexing.due(world.now)).toBeNull();
  expect(world.store.search.exists).toBe(false);
  expect(world.find("ann", { q: "cipher1" })).toEqual({ ok: false, code: "e2ee_unsupported" });
  expect(world.find("zoe", { q: "cipher1" })).toEqual({ ok: false, code: "not_found" });
  await world.seal();
  world.archiveAll();
  world.prune();
  expect(world.state.marks.pruned_seq).toBeGreaterThan(0);
});

test("[B2] a deletion takes the words from the index in its own commit, and a bounded task from its pages", async () => {
  const world = new SearchWorld();
  const gone = [0, 77, 399];
  // Stored behind a beginning of its own, the rest of a word is in the pages as it is.
  const seqs = Array.from({ length: 400 }, (_, i) => world.say("ann", gone.includes(i) ? `common k${i}ksecret` : `common w${i}`));
  while ((world.indexing.due(world.now) ?? Infinity) <= world.now) await world.indexing.run();
  world.settings.seal_events = 1;
  world.edit("ann", seqs[77] as number, "common e77eedited");
  await world.index();
  expect([world.indexText().includes("ksecret"), world.indexText().includes("eedited")]).toEqual([true, true]);
  for (const i of gone) {
    world.delete("ann", seqs[i] as number);
    expect(world.store.search.readIndexed([seqs[i] as number])).toEqual([]);
  }
  // Dies with the merge begun, and begins anew.
  expect(await world.dying(1, () => world.tidy())).toBe(false);
  expect(world.indexing.tidyDue(world.now)).toBe(world.now);
  await world.tidy();
  expect(world.indexing.tidyDue(world.now)).toBeNull();
  expect([world.indexText().includes("ksecret"), world.indexText().includes("eedited")]).toEqual([false, false]);
  expect(world.findAll("ann", { q: "common", limit: 50 })).toHaveLength(397);
});

test("[B2] a deletion while the index is merged is merged out as well", async () => {
  const world = new SearchWorld();
  const seqs = Array.from({ length: 3_000 }, (_, i) => world.say("ann", i % 1_000 === 5 ? `k${i}ksecret` : `w${(i * 7_919) % 5_000} v${i}`));
  while (world.indexing.due(world.now) !== null) await world.indexing.run();
  world.delete("ann", seqs[5] as number);
  const merge = world.store.search.mergeStep.bind(world.store.search);
  let steps = 0;
  world.store.search.mergeStep = (first) => {
    steps += 1;
    const more = merge(first);
    if (steps === 1) world.delete("ann", seqs[1_005] as number);
    return more;
  };
  await world.indexing.tidy();
  expect(world.indexing.tidyDue(world.now)).toBe(world.now);
  await world.tidy();
  world.delete("ann", seqs[2_005] as number);
  await world.tidy();
  expect(world.indexText()).not.toContain("ksecret");
});

test("[B2] what a merge has freed is overwritten: of a deleted message's words the database's file has none", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "confab-search-"));
  const file = path.join(folder, "index.sqlite");
  const world = new SearchWorld("none", file);
  world.database.exec("PRAGMA synchronous = OFF");
  // The index alone has it in small letters.
  const holds = (): boolean => readFileSync(file).includes("qsecret");
  try {
    const seqs = Array.from({ length: 3_000 }, (_, i) => world.say("ann", `common ${i % 300 === 7 ? `Q${i}QSECRET` : `w${(i * 7919) % 5_000}`}`));
    while (world.indexing.due(world.now) !== null) await world.indexing.run();
    const secrets = seqs.filter((_seq, i) => i % 300 === 7);
    for (const seq of secrets) world.delete("ann", seq);
    expect(holds()).toBe(true);
    await world.tidy();
    expect(holds()).toBe(false);
  } finally {
    world.database.close();
    rmSync(folder, { recursive: true });
  }
});

test("[B2] a conversation from before the index is brought into it step by step, and answers once little enough is left to look through", async () => {
  const world = new SearchWorld();
  for (let i = 0; i < 5_000; i += 1) world.say("ann", `w${i % 10} plum`);
  expect(world.store.search.readMarks()).toEqual({ indexed_seq: 0, untidy_since: null });
  expect(world.find("ann", { q: "w3" })).toMatchObject({ ok: false, code: "unavailable", retry_after_ms: 1_000 });
  // Asked for, it is made even where sealing would wait.
  world.settings.seal_events = 10_000;
  while (world.indexing.due(world.now) !== null) await world.indexing.run();
  expect(world.findAll("ann", { q: "w3", limit: 50 })).toHaveLength(500);
});

test("[B2] the schema of before is brought up with nothing indexed", () => {
  const sql = nodeSql();
  const at = CONVERSATION_MIGRATIONS.findIndex(({ sql: step }) => step === SEARCH);
  migrate(sql, CONVERSATION_MIGRATIONS.slice(0, at));
  sql.run("INSERT INTO watermarks (id, fanout_seq, archived_seq, pruned_seq, counters) VALUES (1, 9, 6, 3, '{}')");
  migrate(sql, CONVERSATION_MIGRATIONS);
  const search = new SearchStore(sql);
  expect([search.readMarks(), search.exists]).toEqual([{ indexed_seq: 0, untidy_since: null }, false]);
});

test("[B2] few messages are never written into an index, and found all the same", async () => {
  const world = new SearchWorld();
  world.settings.seal_events = 256;
  world.settings.hot_events = 1_000;
  for (let i = 0; i < 200; i += 1) world.say("ann", `few w${i}`);
  await world.index();
  expect(world.store.search.exists).toBe(false);
  expect(world.findAll("bob", { q: "w77" })).toEqual([{ seq: 79, content: "few w77" }]);
  expect(world.findAll("bob", { q: "few", limit: 50 })).toHaveLength(200);
});

test("[B2] code of before that deleted without the index leaves nothing to be found, and the index notices", async () => {
  const world = new SearchWorld();
  const seqs = Array.from({ length: 12 }, (_, i) => world.say("ann", `kept w${i}`));
  await world.index();
  // The older code knows no index.
  const forget = world.indexing.forget.bind(world.indexing);
  world.indexing.forget = () => undefined;
  world.delete("ann", seqs[4] as number);
  world.indexing.forget = forget;
  expect(world.findAll("ann", { q: "w4" })).toEqual([]);
  world.settings.seal_events = 1;
  await world.index();
  expect(world.store.search.readIndexed([seqs[4] as number])).toEqual([]);
  expect(world.indexing.tidyDue(world.now)).toBe(world.now);
  expect(world.findAll("ann", { q: "w4" })).toEqual([]);
});
