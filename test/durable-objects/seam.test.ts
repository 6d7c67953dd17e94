// Reading history while it moves into the archive: pages over real stores, with sealing, archiving, pruning and an archive that
// goes down between any two steps of a reader, and between a page and the reading of its bodies.
import { afterEach, expect, test, vi } from "vitest";
import { eventOf } from "../../archiver/rows.ts";
import { readHistory } from "../../durable-objects/conversation/history.ts";
import type { ArchiveRead } from "../../protocol/archive.ts";
import { bucketOf, sentAtOf } from "../../protocol/msg-id.ts";
import type { HistoryPage, HistoryQuery } from "../../protocol/rest.ts";
import type { HistoryReply } from "../../protocol/rpc.ts";
import { size } from "../sizes.ts";
import { newArchive, take } from "./archived.ts";
import { CONVERSATION, Sealed } from "./sealed.ts";

/** Not by its name: its types are those of another runtime. */
const worker = (await import("../../workers/archived.ts" as string)) as { historyPage(env: object, page: HistoryReply): Promise<HistoryPage> };
const ENV = { ARCHIVER_URL: "http://archiver.test", ARCHIVE_SECRET: "a secret for tests only, 32 bytes" };
const DAY = 86_400_000;
const STAY = { user_id: "bob", role: "member", joined_seq: 1, left_seq: null } as const;

afterEach(() => {
  vi.unstubAllGlobals();
});

function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** A conversation and its archive, in which anything may happen at any time. */
class World {
  readonly object = new Sealed();
  readonly archive = newArchive();
  readonly random: (below: number) => number;
  readonly types: ("text" | "image")[] = [];
  down = false;
  /** A conversation that grows faster than its reader reads is never read to its end. */
  appends = 30;

  constructor(seed: number) {
    this.random = numbers(seed);
    Object.assign(this.object.rule, { hot_events: this.random(12), hot_days: 0 });
    vi.stubGlobal("fetch", (_url: URL, init: { body: string }) => this.#answer(JSON.parse(init.body) as ArchiveRead));
  }

  async step(): Promise<void> {
    const { object, random } = this;
    switch (random(7)) {
      case 0: case 1: {
        if (this.appends === 0) return;
        this.appends -= 1;
        // Over the ends of months, and months without a message.
        object.now += [1, 1, DAY, 20 * DAY, 70 * DAY][random(5)] as number;
        const [count, type] = [1 + random(5), random(3) === 0 ? "image" as const : "text" as const];
        object.append(count, type);
        this.types.push(...Array.from({ length: count }, () => type));
        return;
      }
      case 2: {
        object.now += 1_001;
        return object.sealing.seal();
      }
      case 3: {
        // One of those that wait, in any order.
        const waiting = [...object.bucket.values()];
        const put = waiting[random(waiting.length)];
        if (put === undefined) return;
        const result = object.sealing.acknowledged(take(this.archive, put.key, put.ndjson));
        if (result.ok) object.bucket.delete(put.key);
        return;
      }
      case 4: {
        object.now += 1;
        return object.sealing.prune(object.now);
      }
      case 5: {
        this.down = random(2) === 0;
        return;
      }
      default: return object.wake();
    }
  }

  get head(): number {
    return this.object.state.head.seq;
  }

  /** What a query is to give of the events up to `head`. */
  expected({ order = "desc", from = 0, to = Number.POSITIVE_INFINITY, content_type }: Partial<HistoryQuery>, head: number): string[] {
    const seqs = Array.from({ length: head }, (_, i) => i + 1).filter((seq) => {
      const at = sentAtOf(this.object.store.readMsgId(seq) as string);
      return at >= from && at < to && (content_type === undefined || this.types[seq - 1] === content_type);
    });
    return (order === "asc" ? seqs : seqs.toReversed()).map((seq) => `${seq} message ${seq - 1}`);
  }

  async #answer({ ranges }: ArchiveRead): Promise<Response> {
    if (this.down) throw new Error("the archiver is down");
    const rows = [...this.archive.rows.values()].filter(({ message_id }) =>
      ranges.some(({ bucket, first, last }) => bucketOf(message_id) === bucket && message_id >= first && message_id <= last));
    return Response.json({ events: rows.map((row) => eventOf(CONVERSATION, row)) });
  }
}

function queryOf({ random, object, head }: World): HistoryQuery {
  const at = () => sentAtOf(object.store.readMsgId(1 + random(head)) as string) + random(2);
  return {
    limit: 1 + random(7), order: random(2) === 0 ? "asc" : "desc",
    ...(random(3) === 0 ? { from: at() } : {}), ...(random(3) === 0 ? { to: at() } : {}), ...(random(3) === 0 ? { content_type: random(2) === 0 ? "text" : "image" } : {}),
  };
}

interface Reading {
  seen: string[];
  /** When the first and the last page were read. */
  heads: [number, number];
  partial: number;
  refused: number;
}

async function readAll(world: World, query: HistoryQuery): Promise<Reading> {
  const reading: Reading = { seen: [], heads: [world.head, world.head], partial: 0, refused: 0 };
  for (let cursor: string | null = "", tries = 0; cursor !== null; tries += 1) {
    // Nobody waits for ever.
    if (tries > 500) world.down = false;
    const { state, store } = world.object;
    const reply = readHistory(store, state, STAY, { ...query, ...(cursor === "" ? {} : { cursor }) });
    if (!reply.ok) throw new Error(reply.code);
    reading.heads[1] = world.head;
    // A first page that was refused is asked for anew.
    if (cursor === "") reading.heads[0] = world.head;
    await world.step();
    try {
      const page: HistoryPage = await worker.historyPage(ENV, reply.page);
      if (page.archive_unavailable === true) {
        reading.partial += 1;
        expect(page.events.length, "a page that is cut short has something").toBeGreaterThan(0);
        expect(page.next_cursor, "a page that is cut short is no end").not.toBeNull();
      }
      reading.seen.push(...page.events.map((event) => `${event.seq} ${event.type === "msg" ? event.content : event.type}`));
      cursor = page.next_cursor;
    } catch (error) {
      expect(error).toMatchObject({ code: "archive_unavailable", detail: { retry_after_ms: expect.any(Number) as number } });
      reading.refused += 1;
    }
    await world.step();
  }
  return reading;
}

test("[A11] [A12] [B15] [B16] pages have no seam, no double and no false end, while segments are sealed, archived and pruned and the archive comes and goes", async () => {
  vi.spyOn(console, "log").mockImplementation(() => undefined);
  vi.spyOn(console, "error").mockImplementation(() => undefined);
  const rounds = size("readings over a moving seam", 100, 3_000);
  let [partial, refused, months] = [0, 0, new Set<string>()];
  for (let seed = 1; seed <= rounds; seed += 1) {
    const world = new World(seed);
    world.object.append(1);
    world.types.push("text");
    for (let i = 0; i < 60; i += 1) await world.step();
    const query = queryOf(world);
    const reading = await readAll(world, query);
    const head = reading.heads[query.order === "asc" ? 1 : 0];
    expect(reading.seen, `seed ${seed}: ${JSON.stringify(query)}`).toEqual(world.expected(query, head));
    partial += reading.partial;
    refused += reading.refused;
    for (const { bucket } of world.archive.rows.values()) months.add(bucket);
  }
  // Each case was there.
  expect(Math.min(partial, refused)).toBeGreaterThan(rounds / 20);
  expect(months.size).toBeGreaterThan(12);
});
