// Who gets events in which encoding: protobuf goes to sessions whose last reply asked for it, made once for all of them.
import { expect, test } from "vitest";
import { decodeBinaryDown } from "../../protocol/codec-protobuf.ts";
import { joinFrames, withBinary } from "../../durable-objects/conversation/encode.ts";
import { decodeMessage, encodeMessage, eventsFor, fromJson } from "../../durable-objects/session/encoding.ts";
import { World } from "./world.ts";

const open = { type: "open", conversation_id: `d.${"0".repeat(64)}` } as const;
const skip = { type: "skip", conversation_id: `d.${"0".repeat(64)}`, epoch: 1, seq: 4 } as const;

test("[D5] a conversation gives protobuf to the sessions that asked for it, and to no others [W6]", async () => {
  const world = new World(["ann", "bob", "cat"]);
  world.session("bob").pb = true;
  for (const user of ["ann", "bob", "cat"]) world.connect(user);
  await world.quiet();
  for (let i = 0; i < 5; i += 1) {
    world.append("ann");
    await world.quiet();
  }
  // A session's first events come before it could ask.
  expect(world.session("bob").gotPb.slice(-4)).toEqual([true, true, true, true]);
  expect(world.session("cat").gotPb).not.toContain(true);
  world.session("bob").pb = false;
  world.append("ann");
  world.append("cat");
  await world.quiet();
  world.append("ann");
  await world.quiet();
  expect(world.session("bob").gotPb.at(-1)).toBe(false);
  expect(world.session("bob").got).toEqual(world.session("cat").got);
});

test("[D5] events are encoded once for all who get the same, and by the session where the conversation did not [W6]", () => {
  const events = joinFrames([{ seq: 4, json: JSON.stringify(skip) }, { seq: 5, json: JSON.stringify({ ...skip, seq: 5 }) }]);
  if (events === null) throw new Error("nothing was joined");
  expect(withBinary(events)?.pb).toBe(withBinary(events)?.pb);
  expect(withBinary(null)).toBeNull();
  const alone = structuredClone(events);
  expect(eventsFor("pb", alone)).toEqual(withBinary(events)?.pb);
  expect(eventsFor("pb", alone)).toBe(eventsFor("pb", alone));
  expect(eventsFor("json", alone)).toBe(events.json);
  expect(decodeBinaryDown(fromJson("pb", events.json) as Uint8Array)).toEqual([skip, { ...skip, seq: 5 }]);
  expect(encodeMessage("json", [skip])).toBe(JSON.stringify(skip));
});

test("[bad input] a socket takes one kind of message, and the other is one bad frame [W7]", () => {
  expect(decodeMessage("json", JSON.stringify(open))).toEqual([{ ok: true, frame: open }]);
  expect(decodeMessage("json", new ArrayBuffer(4))).toMatchObject([{ ok: false, error: { code: "bad_frame" } }]);
  expect(decodeMessage("pb", JSON.stringify(open))).toMatchObject([{ ok: false, error: { code: "bad_frame" } }]);
});
