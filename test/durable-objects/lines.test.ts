// Lines: what a busy conversation pushes over a WebSocket of its own to each live session, and what holds when one breaks.
import { expect, test } from "vitest";
import { decodeLine, encodeAbout, encodeDelivery, LINE_MESSAGES } from "../../protocol/line.ts";
import { withBinary } from "../../durable-objects/conversation/encode.ts";
import type { NetLine } from "./line-net.ts";
import { World } from "./world.ts";

const USERS = ["ann", "bob", "cat"];

/** A busy conversation, in which bob and cat have lines. */
async function busy(): Promise<World> {
  const world = new World(USERS);
  world.settings.lines_after = 2;
  await world.quiet();
  for (const user of USERS.slice(1)) world.connect(user);
  world.now += 5_000;
  for (let i = 0; i < 4; i += 1) {
    world.append("ann");
    await world.quiet();
  }
  expect(world.lines.map(({ userId }) => userId).toSorted()).toEqual(["bob", "cat"]);
  return world;
}

const lineOf = (world: World, user: string): NetLine => world.lines.findLast((line) => line.userId === user) as NetLine;
const calls = (world: World): number => world.state.counters.delivery_calls;
const inOrder = (seqs: readonly number[]): boolean => seqs.every((seq, i) => i === 0 || seq === (seqs[i - 1] as number) + 1);

test("[L1] a busy conversation pushes over lines and calls nobody, and each session has every event once and in order", async () => {
  const world = await busy();
  const before = calls(world);
  for (let i = 0; i < 20; i += 1) {
    world.append("ann");
    await world.quiet();
  }
  expect(calls(world)).toBe(before);
  for (const user of ["bob", "cat"]) {
    expect(world.session(user).got.at(-1)).toBe(world.state.head.seq);
    expect(inOrder(world.session(user).got)).toBe(true);
  }
});

test("[L1] what comes in one turn goes in one message, the first at once", async () => {
  const world = await busy();
  const line = lineOf(world, "bob");
  const before = line.messages.length;
  for (let i = 0; i < 10; i += 1) world.append("ann");
  expect(line.messages.length).toBe(before + 1);
  await world.quiet();
  expect(line.messages.length).toBe(before + 2);
  expect(world.session("bob").got.at(-1)).toBe(world.state.head.seq);
});

test("[L2] a line that breaks loses nothing: what its session has not answered for comes again by call", async () => {
  const world = await busy();
  const line = lineOf(world, "bob");
  line.stuck = true;
  world.append("ann");
  world.append("ann");
  await world.quiet();
  expect(world.session("bob").got).not.toContain(world.state.head.seq);
  const before = calls(world);
  line.break();
  await world.quiet();
  expect(calls(world)).toBeGreaterThan(before);
  expect(new Set(world.session("bob").got)).toContain(world.state.head.seq - 1);
  expect(world.session("bob").got.at(-1)).toBe(world.state.head.seq);
});

test("[L2] a settle goes after what is on a line, and covers what a session never answers for", async () => {
  const world = await busy();
  lineOf(world, "bob").stuck = true;
  world.append("ann");
  await world.quiet();
  const head = world.state.head.seq;
  const firing = (async () => {
    while (world.store.readWatermarks().fanout_seq < head) await world.fire();
  })();
  for (let i = 0; i < 3; i += 1) await world.tick(1_000);
  await firing;
  expect(world.session("bob").got.at(-1)).toBe(head);
  expect(world.session("bob").inbox()?.settled_seq).toBe(head);
  expect(world.store.readWatermarks().fanout_seq).toBe(head);
});

test("[L2] no call overtakes what is on a line to the same session", async () => {
  const world = await busy();
  for (let i = 0; i < 8; i += 1) world.append("ann");
  await world.fire();
  for (const user of ["bob", "cat"]) expect(inOrder(world.session(user).got)).toBe(true);
});

test("[L3] a session that answers nothing gets a bounded number of messages, and delays nobody", async () => {
  const world = await busy();
  const line = lineOf(world, "bob");
  line.stuck = true;
  const before = line.messages.length;
  for (let i = 0; i < LINE_MESSAGES + 40; i += 1) {
    world.append("ann");
    await world.quiet();
  }
  expect(line.messages.length).toBeLessThanOrEqual(before + LINE_MESSAGES);
  expect(world.session("cat").got.at(-1)).toBe(world.state.head.seq);
  // It is asked, and then called.
  await world.tick(1_000);
  await world.tick(1_000);
  expect(line.open).toBe(false);
  expect(world.session("bob").got.at(-1)).toBe(world.state.head.seq);
});

test("[L4] who is removed has no line when the removal is answered", async () => {
  const world = await busy();
  const line = lineOf(world, "bob");
  const before = line.messages.length;
  world.remove("bob");
  expect(line.open).toBe(false);
  const left = world.state.head.seq;
  world.append("ann");
  await world.quiet();
  expect(line.messages.length).toBe(before);
  expect(Math.max(...world.session("bob").got)).toBeLessThanOrEqual(left);
});

test("[L4] who is removed while their line opens gets none", async () => {
  const world = new World(USERS);
  world.settings.lines_after = 1;
  await world.quiet();
  world.connect("bob");
  world.now += 5_000;
  world.append("ann");
  await world.quiet();
  world.append("ann");
  world.remove("bob");
  await world.quiet();
  world.append("ann");
  await world.quiet();
  expect(world.lines.every((line) => !line.open)).toBe(true);
});

test("[L5] a line belongs to one life of a session's sockets", async () => {
  const world = await busy();
  const old = lineOf(world, "bob");
  world.disconnect("bob");
  world.connect("bob");
  world.append("ann");
  await world.quiet();
  expect(old.open).toBe(false);
  expect(world.session("bob").got.at(-1)).toBe(world.state.head.seq);
});

test("[L5] a session of the version before is called", async () => {
  const world = new World(USERS);
  world.settings.lines_after = 1;
  await world.quiet();
  for (const user of ["bob", "cat"]) world.connect(user);
  world.session("bob").takesLines = false;
  world.now += 5_000;
  for (let i = 0; i < 6; i += 1) {
    world.append("ann");
    await world.quiet();
  }
  expect(world.lines.map(({ userId }) => userId)).toEqual(["cat"]);
  expect(world.session("bob").got.at(-1)).toBe(world.state.head.seq);
});

test("[L5] a line that carries nothing is closed, and then nothing keeps the conversation awake", async () => {
  const world = await busy();
  while (world.alarm !== null) await world.fire();
  for (let i = 0; i < 6; i += 1) await world.tick(1_000);
  expect(world.lines.every((line) => !line.open)).toBe(true);
  expect(world.ticks.size).toBe(0);
});

test("[L6] what is deleted is in nothing that is written to a line after it", async () => {
  const world = await busy();
  const line = lineOf(world, "bob");
  line.stuck = true;
  for (let i = 0; i < LINE_MESSAGES + 2; i += 1) {
    world.append("ann");
    await world.quiet();
  }
  const gone = world.state.head.seq - 1;
  world.store.sql.run("UPDATE events SET body = NULL WHERE seq = ?", gone);
  world.fanout.forget([gone]);
  line.flow();
  await world.quiet();
  expect(world.session("bob").got.at(-1)).toBe(world.state.head.seq);
  expect(world.session("bob").contents.has(gone)).toBe(false);
  expect(world.session("cat").contents.has(gone)).toBe(true);
});

test("[L1] text and protobuf come out of a line as they went in, own events among them", () => {
  const json = '{"type":"msg","conversation_id":"g.1","epoch":1,"seq":7,"msg_id":"0","sender_id":"ä","sent_at":1,"msg_no":1,"content":"a\\nü😀","content_type":"text"}';
  const events = { from_seq: 7, to_seq: 7, json };
  const delivery = { head_seq: 7, head_msg_no: 3, head_at: 9, events, own: [{ device_id: "phone", events: null }, { device_id: "ünïcode", events }] };
  expect(decodeLine(encodeDelivery(delivery, false))).toEqual({ kind: "delivery", delivery });
  const pb = { ...delivery, events: withBinary(events, true), own: [{ device_id: "phone", events: null }, { device_id: "ünïcode", events: withBinary(events, true) }] };
  expect(decodeLine(encodeDelivery(pb, true))).toEqual({ kind: "delivery", delivery: pb });
  const about = { conversation_id: "g.1", kind: "group" as const, title: "a\nb", pair: null, epoch: 2 };
  expect(decodeLine(encodeAbout(about))).toEqual({ kind: "about", about });
  expect(() => decodeLine("x[]\n")).toThrow();
});
