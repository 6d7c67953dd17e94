// Messages as they now are, against a small model that replays the events: whatever is edited, deleted, reacted to and answered,
// in whatever order, by whomever, over crashes, sealing and pruning.
import fc from "fast-check";
import { expect, test } from "vitest";
import { putMember, removeMember } from "../../durable-objects/conversation/members.ts";
import { readVersions } from "../../durable-objects/conversation/versions.ts";
import { visibleRange } from "../../domain/membership.ts";
import type { Event } from "../../protocol/events.ts";
import { decodeSegment, parseSegmentKey } from "../../protocol/segment.ts";
import { archivedBodies, take } from "./archived.ts";
import { World } from "./changes-world.ts";

const USERS = ["ann", "bob", "cat"] as const;
const EMOJIS = ["👍", "🎉"] as const;

/** A message of the model: what a reader of all events knows of it. */
interface Shown {
  content: string;
  sender: string;
  edits: string[];
  deleted: boolean;
  reactions: Map<string, string[]>;
  replies: Set<number>;
}

/** The replay: what the events alone make of the messages. Contents are those that were sent, in the order of sending. */
class Model {
  readonly messages = new Map<number, Shown>();
  private readonly contents: ReadonlyMap<number, string>;

  constructor(contents: ReadonlyMap<number, string>) {
    this.contents = contents;
  }

  apply(event: Event): void {
    const target = "target_seq" in event ? this.messages.get(event.target_seq) : undefined;
    if (event.type === "msg") {
      this.messages.set(event.seq, { content: this.contents.get(event.seq) as string, sender: event.sender_id, edits: [], deleted: false, reactions: new Map(), replies: new Set() });
      for (const [seq, other] of this.messages) if (this.seqOf(event.reply_to) === seq) other.replies.add(event.seq);
    }
    if (target === undefined) return;
    if (event.type === "edit") target.edits.push(this.contents.get(event.seq) as string);
    if (event.type === "delete") {
      target.deleted = true;
      target.reactions.clear();
      for (const other of this.messages.values()) other.replies.delete(event.target_seq);
    }
    if (event.type === "react") {
      const users = (target.reactions.get(event.emoji) ?? []).filter((user) => user !== event.sender_id);
      if (event.on) users.push(event.sender_id);
      if (users.length === 0) target.reactions.delete(event.emoji);
      else target.reactions.set(event.emoji, users);
    }
  }

  readonly ids = new Map<string, number>();
  private seqOf(msgId: string | undefined): number | undefined {
    return msgId === undefined ? undefined : this.ids.get(msgId);
  }
}

const user = fc.constantFrom(...USERS);
const nth = fc.nat(40);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("msg" as const), user, reply: fc.option(nth) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("edit" as const), user, nth }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("delete" as const), user, nth }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("react" as const), user, nth, emoji: fc.constantFrom(...EMOJIS), on: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("erase" as const), nth }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("come" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("go" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("wake" as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("seal" as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("archive" as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

const word = (seq: number) => `word-${seq}-`;

async function play(steps: readonly Step[]): Promise<{ world: World; contents: Map<number, string> }> {
  const world = new World();
  const contents = new Map<number, string>();
  const sending = (from: string, item: Record<string, unknown>) => {
    const next = world.state.head.seq + 1;
    world.append(from, { ...item, content: word(next) });
    if (world.state.head.seq === next) contents.set(next, word(next));
  };
  for (const given of steps) {
    switch (given.kind) {
      case "msg":
        sending(given.user, { content_type: "text", ...(given.reply === null ? {} : { reply_to: world.msgId(given.reply) }) });
        break;
      case "edit":
        sending(given.user, { type: "edit", target_msg_id: world.msgId(given.nth) });
        break;
      case "delete":
        world.append(given.user, { type: "delete", target_msg_id: world.msgId(given.nth) });
        break;
      case "react":
        world.append(given.user, { type: "react", target_msg_id: world.msgId(given.nth), emoji: given.emoji, on: given.on });
        break;
      case "erase":
        world.erase(world.msgId(given.nth));
        break;
      case "come":
        putMember(world.store, world.state, { actor_id: null, user_id: "cat", role: null }, world.now);
        break;
      case "go":
        removeMember(world.store, world.state, { actor_id: null, user_id: "cat" }, world.now);
        break;
      case "wake":
        world.wake();
        break;
      case "seal":
        await world.seal();
        break;
      case "archive":
        world.archiveAll();
        break;
    }
  }
  return { world, contents };
}

function replay(world: World, contents: ReadonlyMap<number, string>): Model {
  const model = new Model(contents);
  // Only types, targets and senders are taken from what was stored; contents are the test's own.
  for (const event of world.history("ann") as Event[]) {
    model.ids.set(event.msg_id, event.seq);
    model.apply(event);
  }
  return model;
}

/** Contents of deleted messages, and of their edits. */
function wordsGone(messages: ReadonlyMap<number, Shown>): string[] {
  return [...messages.values()].filter(({ deleted }) => deleted).flatMap(({ content, edits }) => [content, ...edits]);
}

test("[C12] [C3] [C5] [C6] history is what a replay of the events makes of it, and nothing of a deleted message is left", async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
    const { world, contents } = await play(steps);
    const { messages } = replay(world, contents);
    for (const event of world.history("ann")) {
      if (event.type !== "msg") continue;
      const wanted = messages.get(event.seq) as Shown;
      expect(event.content).toBe(wanted.deleted ? "" : (wanted.edits.at(-1) ?? wanted.content));
      expect(event.deleted_at !== undefined).toBe(wanted.deleted);
      expect(event.replies ?? 0).toBe(wanted.replies.size);
      const reactions = [...wanted.reactions].map(([emoji, users]) => `${emoji}${users.toSorted().join()}`).toSorted();
      expect((event.reactions ?? []).map(({ emoji, count, users }) => (expect(users).toHaveLength(count), `${emoji}${users.toSorted().join()}`)).toSorted()).toEqual(reactions);
      const versions = readVersions(world.store, world.state, world.state.members.get("ann") as never, event.msg_id);
      const kept = versions.ok ? archivedBodies(world.archive, versions.page.events) : [];
      expect(kept.map((version) => (version.type === "msg" || version.type === "edit" ? version.content : null))).toEqual(wanted.deleted ? [] : [wanted.content, ...wanted.edits]);
    }
    // Once everything is sealed and archived, no row, no segment and no archived row has what was deleted.
    await world.seal();
    world.archiveAll();
    await world.seal();
    world.archiveAll();
    const everything = JSON.stringify([
      world.store.readRange(1, world.state.head.seq, 1_000, "asc").map((row) => row.body), [...world.archive.bucket.values()], [...world.archive.rows.values()],
      world.batches.forRecipient("ann", { from: 1, to: world.state.head.seq }, 1),
    ]);
    for (const gone of wordsGone(messages)) expect(everything).not.toContain(gone);
  }), { numRuns: 150 });
});

test("[C8] a member sees nothing of what was before them, in history and live alike, and both agree", async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
    const { world } = await play([{ kind: "msg", user: "ann", reply: null }, { kind: "come" }, ...steps, { kind: "come" }]);
    const stay = world.state.members.get("cat");
    if (stay === undefined) throw new Error("cat is no member");
    const { from } = visibleRange(stay, "joined");
    const pushed = world.batches.forRecipient("cat", { from, to: world.state.head.seq }, from).events;
    const live = pushed === null ? [] : ([JSON.parse(pushed.json)].flat() as { seq: number; type: string }[]);
    const history = world.history("cat");
    for (const seen of [history, live]) {
      for (let seq = 1; seq < from; seq += 1) {
        expect(JSON.stringify(seen)).not.toContain(word(seq));
        // Whom an answer answers is all that is told of it.
        expect(JSON.stringify(seen.map((event) => ({ ...event, reply_to: null })))).not.toContain(world.store.readMsgId(seq));
      }
    }
    const kinds = new Map(history.map((event) => [event.seq, event.type]));
    for (const { seq, type } of live) expect(type).toBe(kinds.get(seq));
  }), { numRuns: 150 });
});

test("[A1] [C10] the bucket's segments are what their plans say, after any deletions", async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
    const { world, contents } = await play(steps);
    await world.seal();
    // Nobody has archived since: what waits is without them all the same.
    for (const gone of wordsGone(replay(world, contents).messages)) expect([...world.archive.bucket.values()].join()).not.toContain(gone);
    for (const [key, ndjson] of world.archive.bucket) {
      const place = parseSegmentKey(key);
      const planned = world.store.readSegments().find((segment) => segment.from_seq === place?.from_seq);
      expect(decodeSegment(ndjson).map((event) => event.seq)[0]).toBe(place?.from_seq);
      expect(world.sealing.acknowledged(take(world.archive, key, ndjson)).ok).toBe(true);
      expect(planned?.put).toBe(true);
    }
  }), { numRuns: 100 });
});
