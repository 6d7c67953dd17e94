// Who gets events in which encoding: protobuf goes to sessions whose last reply asked for it, made once for all of them.
import { expect, test } from "vitest";
import { decodeBinaryDown } from "../../protocol/codec-protobuf.ts";
import { joinFrames, withBinary } from "../../durable-objects/conversation/encode.ts";
import { decodeMessage, encodeMessage, eventsFor, fromJson } from "../../durable-objects/session/encoding.ts";
import type { EncodedEvents } from "../../protocol/rpc.ts";
import { World } from "./world.ts";

const open = { type: "open", conversation_id: `d.${"0".repeat(64)}` } as const;
const skip = { type: "skip", conversation_id: `d.${"0".repeat(64)}`, epoch: 1, seq: 4 } as const;

test("[D5] a conversation gives protobuf to the sessions that asked for it, and to no others [W6]", async () => {
  const world = new World(["ann", "bob", "cat", "dan"]);
  world.session("bob").speaks = "both";
  world.session("dan").speaks = "pb";
  for (const user of ["ann", "bob", "cat", "dan"]) world.connect(user);
  await world.quiet();
  for (let i = 0; i < 5; i += 1) {
    world.append("ann");
    await world.quiet();
  }
  // A session's first events come before it could ask.
  expect(world.session("bob").gotAs.slice(-4)).toEqual(["both", "both", "both", "both"]);
  expect(new Set(world.session("cat").gotAs)).toEqual(new Set(["json"]));
  // Its settles are read by the session itself.
  expect(world.session("dan").gotAs.slice(1)).toContain("pb");
  expect(world.session("dan").gotAs.slice(1)).not.toContain("json");
  world.session("bob").speaks = "json";
  world.append("ann");
  world.append("cat");
  await world.quiet();
  world.append("ann");
  await world.quiet();
  expect(world.session("bob").gotAs.at(-1)).toBe("json");
  for (const user of ["bob", "dan"]) expect(world.session(user).got).toEqual(world.session("cat").got);
});

test("[D5] events are encoded once for all who get the same, and by the session where the conversation did not [W6]", () => {
  const events = joinFrames([{ seq: 4, json: JSON.stringify(skip) }, { seq: 5, json: JSON.stringify({ ...skip, seq: 5 }) }]);
  if (events === null) throw new Error("nothing was joined");
  expect(withBinary(events)?.pb).toBe(withBinary(events)?.pb);
  expect(withBinary(null)).toBeNull();
  // A socket that speaks JSON came after the session had said that there is none.
  const binary = withBinary(events, true);
  expect([binary?.json, binary?.pb]).toEqual(["", withBinary(events)?.pb]);
  expect(JSON.parse(eventsFor("json", structuredClone(binary as EncodedEvents)) as string)).toEqual([skip, { ...skip, seq: 5 }]);
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
