// Erasing a person over generated conversations, wherever their content has got to, and whatever kills the command on its way.
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Erasure } from "../../archiver/erase/command.ts";
import { isNothing } from "../../archiver/erase/run.ts";
import { exportEvents } from "../../archiver/export/events.ts";
import { amended } from "../../client/amend.ts";
import type { Message } from "../../client/timeline.ts";
import type { Event } from "../../protocol/events.ts";
import { SERVICE_ID } from "../../protocol/ids.ts";
import { size } from "../sizes.ts";
import { GROUP, Tripwire, World } from "./erasing.ts";

const HISTORIES = size("erased histories", 12, 400);
const USERS = ["ann", "bob"] as const;

type Step =
  | { do: "send" | "edit" | "react" | "unreact" | "delete"; user: (typeof USERS)[number]; nth: number }
  | { do: "seal" | "archive" | "wake" }
  | { do: "broken" | "older"; nth: number };

const user = fc.constantFrom(...USERS);
const nth = fc.nat(60);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("send" as const), user, nth }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom("edit" as const, "react" as const, "unreact" as const, "delete" as const), user, nth }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("seal" as const, "archive" as const, "wake" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("broken" as const, "older" as const), nth }) },
);

/** Whatever ann writes holds "by-ann", whatever bob writes "by-bob". */
async function take(world: World, given: Step, at: number): Promise<void> {
  const word = "user" in given ? `by-${given.user}-${at}` : "";
  switch (given.do) {
    case "send":
      return world.append(given.user, { content: word, content_type: "text", ...(given.nth % 3 === 0 && at > 3 ? { reply_to: world.msgId(given.nth) } : {}), mentions: ["bob"] });
    case "edit":
      return world.append(given.user, { type: "edit", target_msg_id: world.msgId(given.nth), content: word });
    case "react":
      return world.append(given.user, { type: "react", target_msg_id: world.msgId(given.nth), emoji: `by-${given.user}`, on: true });
    case "unreact":
      return world.append(given.user, { type: "react", target_msg_id: world.msgId(given.nth), emoji: `by-${given.user}`, on: false });
    case "delete":
      return world.append(given.user, { type: "delete", target_msg_id: world.msgId(given.nth) });
    case "seal":
      return world.seal();
    case "archive":
      return world.archiveAll();
    case "wake":
      return world.wake();
    case "older": {
      const copy = world.older[given.nth % Math.max(1, world.older.length)];
      if (copy !== undefined) world.objects.set(...copy);
      return;
    }
    case "broken": {
      const [key] = [...world.objects.keys()];
      if (key !== undefined) world.objects.set(key, { bytes: gzipSync(`{"half of a line by-ann`), metadata: {} });
    }
  }
}

const hashes = async (world: World) => {
  const found = new Map<number, string>();
  for (let from = 1; from <= world.state.head.seq;) {
    const page = await world.edge().events(GROUP, from);
    for (const event of page.events) found.set(event.seq, event.content_hash);
    from = page.next;
  }
  return found;
};

async function history(steps: readonly Step[]): Promise<World> {
  const world = await World.make();
  for (const [at, given] of [{ do: "send", user: "ann", nth: 1 } as const, { do: "send", user: "bob", nth: 1 } as const, ...steps].entries()) await take(world, given, at);
  return world;
}

async function checkErased(world: World, before: ReadonlyMap<number, string>): Promise<void> {
  expect(world.everything()).not.toContain("by-ann");
  for (const [seq, hash] of await hashes(world)) if (before.has(seq)) expect(hash, `the hash of seq ${seq}`).toBe(before.get(seq));
  // Each message and reaction by one deletion, however often the command was begun.
  const rows = world.database.prepare("SELECT target_seq, count(*) AS times FROM events WHERE type = 'delete' AND sender_id = ? GROUP BY target_seq").all(SERVICE_ID);
  expect(rows.every((row) => row["times"] === 1)).toBe(true);
  expect(world.state.members.has("ann")).toBe(false);
}

test("[X5] after any death of the command another one ends its work: nothing is left, each hash is as it was, each deletion is there once", { timeout: 600_000 }, async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), fc.boolean(), async (steps, behind) => {
    for (let at = 1; ; at += 1) {
      const world = await history(steps);
      try {
        const before = await hashes(world);
        const tripwire = new Tripwire(at, behind);
        const first = await world.erase("ann", tripwire);
        world.wake();
        const last = first ?? (await world.erase("ann"));
        expect(last !== null && isNothing(last.left), JSON.stringify(last?.left)).toBe(true);
        await checkErased(world, before);
        expect((await world.erase("ann"))?.found).toMatchObject({ messages: 0, reactions: 0, archived_rows: 0, bucket_objects: 0, groups_left: 0 });
        if (!tripwire.fired) return;
      } finally {
        await world.close();
      }
    }
  }), { numRuns: HISTORIES });
});

test("[X6] no older copy of a segment brings anything into the archive again, whether it knows of the deletions or not", { timeout: 600_000 }, async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
    const world = await history(steps);
    try {
      await world.seal();
      const before = await hashes(world);
      expect(isNothing((await world.erase("ann"))?.left as Erasure["left"])).toBe(true);
      for (const [key, object] of world.older) {
        world.objects.set(key, object);
        await world.archiveAll();
        expect(world.archived()).not.toContain("by-ann");
      }
      await world.seal();
      await world.archiveAll();
      // What is nobody's plan any more lies in the bucket until somebody looks at it; the command takes the content out of it.
      await world.erase("ann");
      await checkErased(world, before);
      // And all of it can still be read, each body with its hash.
      const told: string[] = [];
      for await (const page of exportEvents({ edge: world.edge(), store: world.archive }, GROUP)) told.push(...page.map((line) => JSON.stringify(line)));
      expect(told).toHaveLength(world.state.head.seq);
    } finally {
      await world.close();
    }
  }), { numRuns: HISTORIES * 2 });
});

test.each(["readBack", "write", "record", "reached"])("[X6] an archiver that has read a segment before the erasure, and comes to %s behind it, leaves nothing in the archive", async (call) => {
  const world = await history([{ do: "send", user: "ann", nth: 1 }, { do: "edit", user: "ann", nth: 1 }, { do: "send", user: "bob", nth: 1 }]);
  try {
    await world.seal();
    let erasures = 0;
    await world.archiveAll(world.storeWith(async (name, work) => {
      if (name === call && erasures === 0) {
        erasures += 1;
        await world.erase("ann");
      }
      return work();
    }));
    expect(erasures).toBe(1);
    expect(world.archived()).not.toContain("by-ann");
    expect(world.archived()).toContain("by-bob");
  } finally {
    await world.close();
  }
});

test("[X7] what bob wrote is untouched, and a replay of all events ends with what history shows", { timeout: 600_000 }, async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
    const world = await history(steps);
    try {
      const bobs = async () => {
        const found: unknown[] = [];
        for await (const page of exportEvents({ edge: world.edge(), store: world.archive }, GROUP, "bob")) {
          found.push(...page.map(({ sealed, now }) => [sealed, now["content"], now["edited_at"], now["deleted_at"]]));
        }
        return found;
      };
      const before = await bobs();
      await world.erase("ann");
      expect(await bobs()).toEqual(before);
      const shown = new Map<number, Record<string, unknown>>();
      const replayed = new Map<number, Message>();
      for await (const page of exportEvents({ edge: world.edge(), store: world.archive }, GROUP)) {
        for (const { sealed, now } of page) {
          if (sealed.type === "msg") {
            shown.set(sealed.seq, now);
            replayed.set(sealed.seq, sealed as unknown as Message);
          } else if (sealed.type === "edit" || sealed.type === "delete" || sealed.type === "react") {
            const target = replayed.get(sealed.target_seq);
            if (target !== undefined) replayed.set(sealed.target_seq, amended(target, sealed as Extract<Event, { type: "edit" | "delete" | "react" }>));
          }
        }
      }
      const picked = ({ content, deleted_at, edited_at, reactions }: Record<string, unknown>) => ({ content, deleted_at, edited_at: deleted_at === undefined ? edited_at : undefined, reactions });
      for (const [seq, now] of shown) expect(picked(replayed.get(seq) as unknown as Record<string, unknown>), `seq ${seq}`).toEqual(picked(now));
    } finally {
      await world.close();
    }
  }), { numRuns: HISTORIES * 2 });
});
