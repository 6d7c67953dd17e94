// What members' rows say after settles: the newest message, mentions, mute and archive.
import { expect, test } from "vitest";
import { decidePreview, mergeLast, mergeMentions } from "../../domain/inbox.ts";
import { Newest } from "../../durable-objects/conversation/newest.ts";
import { EventDraft } from "../../durable-objects/conversation/state.ts";
import { toRow } from "../../durable-objects/session/inbox-row.ts";
import type { LastMessage } from "../../protocol/frames/inbox.ts";
import { World } from "./world.ts";

async function settled(world: World): Promise<void> {
  await world.quiet();
  while (world.store.readWatermarks().fanout_seq < world.state.head.seq) await world.fire();
}

function mention(world: World, sender_id: string, mentions: string[]): void {
  const draft = new EventDraft(world.state.head, world.now);
  draft.add("msg", { content: "hey", content_type: "text", mentions }, { sender_id, client_msg_id: null, device_id: null, content_type: "text" });
  world.store.commitEvents(draft.events);
  world.state.advance(draft.events);
  world.fanout.committed(draft.events, null, false);
}

const rowOf = (world: World, user: string) => {
  const row = world.session(user).inbox();
  if (row === null) throw new Error(`${user} has no row`);
  return toRow(row);
};

test("[I1] [D1] the list shows the newest message that its user may see, whatever other events follow it", async () => {
  const world = new World(["ann", "bob"]);
  await settled(world);
  expect(rowOf(world, "bob").last_message).toBeNull();
  world.append("ann");
  world.append("ann");
  world.add("eve");
  await settled(world);
  expect(rowOf(world, "bob").last_message).toMatchObject({ seq: 3, sender_id: "ann", preview: "c2", content_type: "text" });
  // What was said before she came is not hers to see.
  expect(rowOf(world, "eve").last_message).toBeNull();
  world.append("bob");
  world.remove("eve");
  world.append("bob");
  await settled(world);
  expect(rowOf(world, "eve")).toMatchObject({ left: true, last_message: null });
  expect(rowOf(world, "ann").last_message).toMatchObject({ seq: 7, preview: "c4" });
});

test("[I2] unread mentions are the seqs that name the user; one's own are none, and reading or answering clears them", async () => {
  const world = new World(["ann", "bob", "eve"]);
  mention(world, "ann", ["bob", "ann"]);
  mention(world, "ann", ["eve"]);
  mention(world, "ann", ["bob"]);
  await settled(world);
  expect(["ann", "bob", "eve"].map((user) => rowOf(world, user).unread_mentions)).toEqual([0, 2, 1]);
  world.append("bob");
  mention(world, "ann", ["bob"]);
  await settled(world);
  expect(rowOf(world, "bob")).toMatchObject({ unread: 1, unread_mentions: 1 });
});

test("[I1] a peek says what a settle would, and moves nothing", async () => {
  const world = new World(["ann", "bob"]);
  await settled(world);
  mention(world, "ann", ["bob"]);
  const before = world.session("bob").inbox();
  const stay = world.state.members.get("bob");
  if (before === null || stay === undefined) throw new Error("bob is missing");
  const peek = world.fanout.peek(stay, before.settled_seq);
  expect(peek).toMatchObject({ head_seq: 2, head_msg_no: 1, mentions: [2], last: { seq: 2 }, sent: null });
  await settled(world);
  expect(world.session("bob").inbox()).toMatchObject({ settled_seq: 2, mentions: [2] });
});

test("[I1] the newest message is found below any number of other events", async () => {
  const world = new World(["ann", "bob"]);
  world.append("ann");
  for (let i = 0; i < 20; i += 1) {
    world.add("eve");
    world.remove("eve");
  }
  const ann = world.state.members.get("ann");
  if (ann === undefined) throw new Error("ann is missing");
  expect(new Newest(world.store, world.state.record).messageFor(ann, world.state.head.seq)).toMatchObject({ seq: 2 });
});

test("[I1] a preview ends within its limit, and never within a character", () => {
  expect(decidePreview("x".repeat(300))).toHaveLength(200);
  const cut = decidePreview(`${"x".repeat(199)}🙂`);
  expect([cut.length, cut.isWellFormed()]).toEqual([199, true]);
});

test("[I1] a settle that knows no body keeps the preview, unless the message was deleted or is another", () => {
  const known: LastMessage = { seq: 5, msg_id: "m", sender_id: "ann", sent_at: 1, content_type: "text", preview: "hello" };
  const blank = { ...known, preview: null };
  expect(mergeLast(known, undefined)).toBe(known);
  expect(mergeLast(known, blank)).toEqual(known);
  expect(mergeLast(known, { ...blank, deleted: true })).toMatchObject({ preview: null });
  expect(mergeLast(known, { ...blank, seq: 6 })).toMatchObject({ seq: 6, preview: null });
  expect(mergeLast(known, null)).toBeNull();
});

test("[I2] mentions merge without doubles, drop what is read, and stay bounded", () => {
  expect(mergeMentions([3, 5], [5, 9], 3)).toEqual([5, 9]);
  const many = mergeMentions([], Array.from({ length: 2_000 }, (_, i) => i + 1), 0);
  expect([many.length, many[0], many.at(-1)]).toEqual([1_000, 1_001, 2_000]);
});
