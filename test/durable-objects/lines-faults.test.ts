// Lines that open late, and lines that are quiet: what becomes of both ends.
import { expect, test } from "vitest";
import { ALL_BYTES, Lines, type LinesPorts, type LineSocket } from "../../durable-objects/conversation/lines.ts";
import { LINE_BYTES } from "../../protocol/line.ts";
import { World } from "./world.ts";

const CONVERSATION = "g.0123456789abcdef0123456789abcdef";

interface Asked {
  readonly socket: LineSocket & { open: boolean };
  answer(): void;
}

/** Lines whose connections are answered when a test says so. */
function opening(): { lines: Lines; asked: Asked[]; settled: () => Promise<void> } {
  const asked: Asked[] = [];
  const connect: LinesPorts["connect"] = () => new Promise((resolve) => {
    const socket = { open: true, send: () => undefined, close: () => void (socket.open = false) };
    asked.push({ socket, answer: () => resolve(socket) });
  });
  const lines = new Lines(CONVERSATION, {
    connect, settings: () => ({ lines_after: 1, settle_after_ms: 3_000, deliver_timeout_ms: 50 }), now: () => 100_000, every: () => () => undefined,
    answered: () => undefined, lost: () => undefined, freed: () => undefined, failed: () => undefined,
  });
  return { lines, asked, settled: () => new Promise((resolve) => void setImmediate(resolve)) };
}

test("[L4] a line that is closed while it opens, and opened again meanwhile, leaves one socket open and no more", async () => {
  const { lines, asked, settled } = opening();
  void lines.open("bob", 1);
  lines.close("bob");
  void lines.open("bob", 1);
  for (const one of asked) one.answer();
  await settled();
  expect(asked.filter(({ socket }) => socket.open)).toHaveLength(lines.size);
  lines.end();
  expect(asked.filter(({ socket }) => socket.open)).toHaveLength(0);
});

test("[L3] a connection that comes after its time is closed: it would keep both objects awake", async () => {
  const world = new World(["ann", "bob", "cat"]);
  world.settings.lines_after = 1;
  await world.quiet();
  world.connect("bob");
  world.now += 5_000;
  const answer = Promise.withResolvers<void>();
  const refused = Promise.withResolvers<string>();
  world.lineAnswers = answer.promise;
  world.unreached = refused.resolve;
  world.append("ann");
  await world.quiet();
  world.append("ann");
  expect(await refused.promise).toBe("bob");
  answer.resolve();
  await world.quiet();
  expect(world.lines.map(({ open }) => open)).toEqual([false]);
  expect(world.fanout.lines.size).toBe(0);
});

test.each([5, 6, 7])("[L5] a quiet line that is closed after %i messages has been asked first, and brings nothing again", async (messages) => {
  const world = new World(["ann", "bob", "cat"]);
  Object.assign(world.settings, { lines_after: 1, settle_after_ms: 60_000 });
  await world.quiet();
  world.connect("bob");
  world.now += 5_000;
  for (let i = 0; i < messages; i += 1) {
    world.append("ann");
    await world.quiet();
  }
  const { got } = world.session("bob");
  for (let i = 0; i < 8; i += 1) await world.tick(1_000);
  expect(world.lines.length).toBeGreaterThan(0);
  expect(world.lines.every((line) => !line.open)).toBe(true);
  expect(got.length, got.join(" ")).toBe(new Set(got).size);
});

test("[L3] what is not answered for over all lines is bounded, however many there are", async () => {
  const { lines, asked, settled } = opening();
  const users = Array.from({ length: 100 }, (_, i) => `user-${i}`);
  for (const user of users) void lines.open(user, 1);
  for (const one of asked) one.answer();
  await settled();
  const message = "x".repeat(LINE_BYTES);
  let carried = 0;
  for (const user of users) {
    const line = lines.of(user, 1);
    if (line === null || !lines.hasRoom(line)) continue;
    lines.push(line, "a{}", message, { from: 1, to: 1 });
    carried += 1;
  }
  expect(carried).toBeGreaterThan(1);
  expect(carried * message.length).toBeLessThanOrEqual(ALL_BYTES + LINE_BYTES);
});

test("[L1] a pair is called, however busy it is: a line to one session does not pay", async () => {
  const world = new World(["ann", "bob"]);
  world.settings.lines_after = 1;
  await world.quiet();
  world.connect("bob");
  world.now += 5_000;
  for (let i = 0; i < 6; i += 1) {
    world.append("ann");
    await world.quiet();
  }
  expect(world.lines).toHaveLength(0);
  expect(world.session("bob").got.at(-1)).toBe(world.state.head.seq);
});

test("[L3] a line takes bytes up to its bound and one message more, until they are answered for", async () => {
  const { lines, asked, settled } = opening();
  void lines.open("bob", 1);
  asked[0]?.answer();
  await settled();
  const message = "x".repeat(LINE_BYTES / 4);
  let carried = 0;
  for (let line = lines.of("bob", 1); line !== null && lines.hasRoom(line) && carried < 50; carried += 1) lines.push(line, "a{}", message, { from: 1, to: 1 });
  expect(carried).toBe(4);
});

test("[L5] another life of a session's sockets has no line, and the one before is closed", async () => {
  const { lines, asked, settled } = opening();
  void lines.open("bob", 1);
  asked[0]?.answer();
  await settled();
  expect(lines.of("bob", 1)).not.toBeNull();
  expect(lines.of("bob", 2)).toBeNull();
  expect(asked[0]?.socket.open).toBe(false);
});
