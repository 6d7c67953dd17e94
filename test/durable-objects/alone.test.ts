// A sender's only device has its acknowledgement and is pushed nothing: unless by then there is another device, or it has left.
import { beforeEach, expect, test } from "vitest";
import { appendTo } from "../../durable-objects/conversation/append.ts";
import { Lanes } from "../../durable-objects/session/lanes.ts";
import type { Head } from "../../protocol/frames/sync.ts";
import type { AppendAnswer, AppendCall, Early } from "../../protocol/rpc.ts";
import { NO_CHANGES } from "./change-ports.ts";
import { CONVERSATION, World } from "./world.ts";

let world: World;

beforeEach(async () => {
  world = new World(["ann", "bob"]);
  world.connect("ann");
  await world.quiet();
  world.session("ann").got.length = 0;
});

function append(client_msg_id: string, sign: Pick<AppendCall, "alone" | "gen">): (AppendAnswer | Early)[] {
  const items = [{ client_msg_id, device_id: "phone", content: client_msg_id, content_type: "text" as const }];
  const { store, state, fanout, acknowledging: { receipts } } = world;
  const reply = appendTo(store, { state, fanout, receipts }, { conversation_id: CONVERSATION, sender_id: "ann", items, create: null, ...sign }, NO_CHANGES, world.now);
  if (reply.kind !== "answers") throw new Error("there is no conversation");
  return reply.answers;
}

test("[A11] an append that says that its device is alone is pushed to the sender where their sockets have changed since", async () => {
  const ann = world.session("ann");
  append("alone", { alone: true, gen: ann.gen });
  await world.quiet();
  while (world.state.marks.fanout_seq < world.state.head.seq) await world.fire();
  expect(ann.got).toEqual([]);
  const before = ann.gen;
  world.disconnect("ann");
  world.connect("ann");
  append("late", { alone: true, gen: before });
  await world.quiet();
  expect(ann.got).toEqual([world.state.head.seq]);
});

test("[A11] an append of a version that names no generation is believed", async () => {
  append("older", { alone: true });
  await world.quiet();
  expect(world.session("ann").got).toEqual([]);
});

test("[A5] who has left and sends again what had gone in gets its acknowledgement; what is new is refused, and nothing is stored", async () => {
  const [first] = append("before", { alone: true });
  if (first?.ok !== true) throw new Error("it was refused");
  world.remove("ann");
  const { head } = world.state;
  expect(append("before", { alone: true })).toEqual([{ ok: true, ack: { ...first.ack, dup: true } }]);
  expect(append("after", { alone: true })).toEqual([expect.objectContaining({ ok: false, code: "not_found" })]);
  expect(world.state.head).toEqual(head);
});

test.each([[true, 0], [false, 1]])("[A11] a device that comes while an append is under way is told of what it was pushed nothing of (still alone: %s)", async (stays, told) => {
  const missed: [Head, ReadonlySet<string | null>][] = [];
  let alone = true;
  const lanes = new Lanes({
    userId: () => "ann", known: () => null, reachable: async () => "yes", alone: () => alone, gen: () => 1,
    missed: (...what) => void missed.push(what),
    append: async (_id, call) => {
      const reply = appendTo(world.store, { state: world.state, fanout: world.fanout, receipts: world.acknowledging.receipts }, call, NO_CHANGES, world.now);
      alone = stays;
      return reply;
    },
  });
  const answer = await new Promise<AppendAnswer>((resolve) => {
    lanes.add(CONVERSATION, null, { client_msg_id: "one", device_id: "phone", content: "one", content_type: "text" }, resolve);
  });
  expect(answer).toMatchObject({ ok: true });
  expect(missed).toHaveLength(told);
  if (told === 1) expect(missed).toEqual([[{ conversation_id: CONVERSATION, epoch: world.state.record.epoch, head_seq: world.state.head.seq }, new Set(["phone"])]]);
});
