// The push queue: who is told of what, once.
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { decideOffer, decidePush, type PushQuestion } from "../../domain/push.ts";
import { settledRow } from "../../durable-objects/session/inbox-row.ts";
import { Pushes } from "../../durable-objects/session/pushes.ts";
import type { InboxRecord } from "../../durable-objects/session/store.ts";
import { PushStore } from "../../durable-objects/session/store/pushes.ts";
import type { DeliverCall, DeliverReply } from "../../protocol/rpc.ts";
import type { PushCall } from "../../protocol/rpc/inbox.ts";
import { size } from "../sizes.ts";
import { CONVERSATION, Session, World } from "./world.ts";

const asked: PushQuestion = { known_msg_no: 4, head_msg_no: 5, read_msg_no: 0, muted: false, left: false, blocked: false, fresh: false, queued: false, told: false };

describe("a settle that brings a message", () => {
  test("[I6] [A8] queues a push for who is not there", () => expect(decidePush(asked)).toBe("queue"));

  test.each<[string, Partial<PushQuestion>]>([
    ["a device is there", { fresh: true }], ["the conversation is muted", { muted: true }], ["its senders are blocked", { blocked: true }],
    ["all is read", { read_msg_no: 5 }], ["it brings no message", { known_msg_no: 5 }], ["one waits already", { queued: true }], ["one has spoken of it", { told: true }], ["the user has left", { left: true }],
  ])("[I6] queues none where %s", (_why, more) => expect(decidePush({ ...asked, ...more })).toBe("keep"));

  test.each<[string, Partial<PushQuestion>]>([
    ["all is read", { read_msg_no: 5 }], ["the conversation is muted", { muted: true }], ["the user has left", { left: true }],
  ])("[I6] takes back what waits where %s", (_why, more) => expect(decidePush({ ...asked, queued: true, ...more })).toBe("drop"));
});

/** A session with its push queue; `fresh`: a device is there and heard of. */
class PushedSession extends Session {
  fresh = false;
  readonly blocked = new Set<string>();
  readonly queue = new PushStore(this.store.sql);
  readonly pushes = new Pushes({ userId: this.userId, store: this.store, blocked: this.blocked, account: null, isFresh: () => this.fresh });
  /** How many were queued, ever. */
  queued = 0;
  /** The next offer has come. */
  onOffered: (() => void) | null = null;

  override deliver(call: DeliverCall, now: number): DeliverReply {
    const before = this.inbox();
    const row = call.settle ? settledRow(before, call, this.userId, this.store.readUserSeq(), now) : null;
    if (row !== null) this.commit(before, row, call, now);
    return { gen: this.gen, live: this.connected };
  }

  commit(before: InboxRecord | null, row: InboxRecord, call: DeliverCall | null, now: number): void {
    this.counting(() => {
      const push = this.pushes.decide(before, row, call, now);
      this.store.commitInbox(row);
      push?.();
    });
  }

  override offered(call: PushCall, now: number): void {
    this.counting(() => this.pushes.offered(call, now));
    const { onOffered } = this;
    this.onOffered = null;
    onOffered?.();
  }

  private counting(act: () => void): void {
    const had = this.queue.has(CONVERSATION);
    act();
    if (!had && this.queue.has(CONVERSATION)) this.queued += 1;
  }

  act(change: (row: InboxRecord) => InboxRecord, now: number): void {
    const row = this.inbox();
    if (row !== null) this.commit(row, { ...change(row), user_seq: row.user_seq + 1 }, null, now);
  }
}

function worldOf(): { world: World; bob: PushedSession } {
  const world = new World(["ann", "bob", "cid"], (user) => (user === "bob" ? new PushedSession(user) : new Session(user)));
  return { world, bob: world.session("bob") as PushedSession };
}

async function settled(world: World): Promise<void> {
  await world.quiet();
  for (let i = 0; i < 30 && (world.store.readWatermarks().fanout_seq < world.state.head.seq || world.store.readLagging().length > 0); i += 1) await world.fire();
}

/** Until whoever is there was told, and whoever is not was offered what may be worth a push. */
async function told(world: World): Promise<void> {
  await world.quiet();
  for (let i = 0; i < 30 && (world.store.readWatermarks().told_seq < world.state.head.seq || world.store.readLagging().length > 0); i += 1) await world.fire();
}

/** A group that writes no inboxes, in which nobody is there; bob has read everything. */
async function reading(): Promise<{ world: World; bob: PushedSession }> {
  const made = worldOf();
  Object.assign(made.world.settings, { fanout_write_max: 2, fanout_write_again: 1 });
  made.world.add("dan");
  await settled(made.world);
  expect(made.world.state.record.mode).toBe("read");
  return made;
}

/** As their session does when a device says so. */
async function reads(world: World, bob: PushedSession): Promise<void> {
  const { seq, msg_no } = world.state.head;
  void world.receipt("bob", { read_seq: seq });
  bob.act((row) => ({ ...row, read_seq: seq, read_msg_no: msg_no, head_msg_no: msg_no, settled_seq: seq }), world.now);
  await world.quiet();
}

test("[I6] [A8] thirty messages to somebody who is away are one push, which speaks of all of them; reading takes it back", async () => {
  const { world, bob } = worldOf();
  await settled(world);
  expect(bob.pushes.list()).toEqual([]);
  for (let i = 0; i < 30; i += 1) world.append("ann");
  await settled(world);
  expect(bob.pushes.list()).toMatchObject([{ conversation_id: CONVERSATION, from_seq: 2, to_seq: 31, mention: false }]);
  bob.act((row) => ({ ...row, read_seq: 11, read_msg_no: 10 }), world.now);
  expect(bob.pushes.list()).toMatchObject([{ from_seq: 12, to_seq: 31 }]);
  bob.act((row) => ({ ...row, read_seq: 31, read_msg_no: 30 }), world.now);
  expect([bob.pushes.list(), bob.queued]).toEqual([[], 1]);
});

test("[I6] what one writes oneself, joins, titles and other people's comings are no push", async () => {
  const { world, bob } = worldOf();
  world.append("bob");
  world.add("dan");
  world.remove("dan");
  await settled(world);
  expect(bob.pushes.list()).toEqual([]);
});

test("[I6] [A8] what was sent is not queued again for what is no message, nor for a settle that comes twice", async () => {
  const { world, bob } = worldOf();
  world.append("ann");
  await settled(world);
  bob.queue.commitDropped(CONVERSATION);
  world.add("dan");
  await settled(world);
  world.crash();
  await settled(world);
  expect([bob.pushes.list(), bob.inbox()?.settled_seq]).toEqual([[], 3]);
  world.append("ann");
  await settled(world);
  expect(bob.pushes.list()).toMatchObject([{ from_seq: 4, to_seq: 4 }]);
});

test("[I6] only who is blocked brings no push: another sender in the same settle does", async () => {
  const { world, bob } = worldOf();
  await settled(world);
  bob.blocked.add("cid");
  world.append("cid");
  world.append("cid");
  await settled(world);
  expect(bob.pushes.list()).toEqual([]);
  world.append("ann");
  world.append("cid");
  await settled(world);
  expect(bob.pushes.list()).toHaveLength(1);
});

test("[I6] a conversation that settles nobody says itself what is worth a push", async () => {
  const { world, bob } = worldOf();
  await settled(world);
  bob.blocked.add("cid");
  bob.pushes.offered({ conversation_id: CONVERSATION, seq: 6, senders: ["cid"] }, 4);
  bob.pushes.offered({ conversation_id: CONVERSATION, seq: 7, senders: ["cid", "dan"] }, 5);
  bob.pushes.offered({ conversation_id: CONVERSATION, seq: 9 }, 6);
  bob.pushes.offered({ conversation_id: "g.unknown", seq: 9 }, 6);
  expect(bob.pushes.list()).toEqual([{ conversation_id: CONVERSATION, from_seq: 7, to_seq: 7, mention: false, queued_at: 5 }]);
});

describe("above the threshold", () => {
  const message = (seq: number, msg_no: number, sender_id = "ann", mentions: string[] = []) => ({ seq, msg_no, sender_id, mentions });

  test("[I6] a member is told of the first message that they have not read, and of those that mention them", () => {
    expect(decideOffer("bob", 0, [message(2, 1)])).toEqual({ seq: 2, to_seq: 2 });
    expect(decideOffer("bob", 4, [message(9, 5), message(10, 6)])).toEqual({ seq: 9, to_seq: 9 });
    expect(decideOffer("bob", 3, [message(9, 5)])).toBeNull();
    expect(decideOffer("bob", 3, [message(9, 5), message(10, 6, "ann", ["bob"])])).toEqual({ seq: 10, to_seq: 10, senders: ["ann"] });
    expect(decideOffer("bob", 4, [message(9, 5, "bob", ["bob"])])).toBeNull();
    expect(decideOffer("bob", 4, [message(9, 5, "bob"), message(10, 6)])).toBeNull();
    expect(decideOffer("bob", 5, [message(9, 5, "bob"), message(10, 6)])).toEqual({ seq: 10, to_seq: 10 });
    expect(decideOffer("bob", 6, [message(9, 5), message(10, 6, "ann", ["bob"])]), "read meanwhile").toBeNull();
    expect(decideOffer("bob", 5, [message(9, 5, "ann", ["bob"]), message(10, 6)]), "half of it read").toEqual({ seq: 10, to_seq: 10 });
  });

  test("[I6] [U11] an offer of mentions names who wrote them, so that who is blocked brings none; the first unread one comes from anybody", () => {
    expect(decideOffer("bob", 4, [message(5, 5, "cid", ["bob"])])).toEqual({ seq: 5, to_seq: 5 });
    expect(decideOffer("bob", 3, [message(5, 5, "cid", ["bob"]), message(6, 6, "dan", ["bob"])])).toEqual({ seq: 5, to_seq: 6, senders: ["cid", "dan"] });
    expect(decideOffer("bob", 4, [message(5, 5, "dan"), message(6, 6, "cid", ["bob"])]), "a mention by somebody who may be blocked hides nothing").toEqual({ seq: 5, to_seq: 6 });
  });

  test("[I6] [A10] one call to each who had read all, and none for the messages behind it", async () => {
    const world = new World(["ann", "bob", "cid", "dan"]);
    await settled(world);
    Object.assign(world.settings, { fanout_write_max: 2, fanout_write_again: 1 });
    world.add("eve");
    await settled(world);
    expect(world.state.record.mode).toBe("read");
    for (let i = 0; i < 5; i += 1) {
      world.append("ann");
      await told(world);
    }
    expect(world.offers.map(([user]) => user).toSorted()).toEqual(["bob", "cid", "dan", "eve"]);
    expect(new Set(world.offers.map(([, seq]) => seq)).size).toBe(1);
  });
});

type Step = "ann" | "bob" | "crash" | "fire" | "quiet" | "fail" | "come" | "go" | "read" | "mute" | "unmute" | "send" | "pass" | "others";
const STEPS: Step[] = ["ann", "ann", "ann", "bob", "crash", "fire", "fire", "quiet", "fail", "come", "go", "go", "read", "mute", "unmute", "send", "send", "pass", "others", "others"];

test("[I6] [A8] over crashes, failures and settles that come twice, at most one waits, and what was sent is queued again only for something new", async () => {
  await fc.assert(fc.asyncProperty(fc.array(fc.constantFrom(...STEPS), { maxLength: 50 }), async (steps) => {
    const { world, bob } = worldOf();
    await settled(world);
    let sent = 0;
    /** Messages of others that the settled row counts and that came while nobody was there. */
    let sentAt = 0;
    for (const step of steps) {
      if (step === "ann" || step === "bob") world.append(step);
      else if (step === "crash") world.crash();
      else if (step === "fire") await world.fire();
      else if (step === "quiet") await world.quiet();
      else if (step === "fail") bob.fails += 1;
      else if (step === "come" || step === "go") bob.fresh = step === "come";
      else if (step === "read") bob.act((row) => ({ ...row, read_seq: row.settled_seq, read_msg_no: row.head_msg_no }), world.now);
      else if (step === "mute" || step === "unmute") bob.act((row) => ({ ...row, muted: step === "mute" }), world.now);
      else if (step === "pass") world.now += 900;
      // Events that are no messages move the row as well.
      else if (step === "others") for (const change of ["add", "remove"] as const) world[change]("dan");
      else if (bob.queue.has(CONVERSATION)) {
        bob.queue.commitDropped(CONVERSATION);
        sent += 1;
        const { head_msg_no } = bob.inbox() as InboxRecord;
        expect(head_msg_no, "a second push tells something new").toBeGreaterThan(sentAt);
        sentAt = head_msg_no;
      }
      const row = bob.inbox() as InboxRecord;
      const waits = bob.pushes.list();
      expect(waits.length).toBeLessThanOrEqual(1);
      if (waits.length > 0) expect([row.muted, row.head_msg_no > row.read_msg_no]).toEqual([false, true]);
    }
    bob.fails = 0;
    bob.fresh = false;
    await settled(world);
    world.append("ann");
    await settled(world);
    const row = bob.inbox() as InboxRecord;
    expect(bob.pushes.list().length, "what comes while nobody is there waits").toBe(row.muted ? 0 : 1);
    expect(bob.queued).toBeGreaterThanOrEqual(sent);
  }), { numRuns: size("push histories", 60, 2_000) });
});

test("[I6] [G13] an offer that a crash has ended is made again, and of what was sent by then none is queued a second time", async () => {
  const { world, bob } = await reading();
  world.append("ann");
  world.crash();
  await told(world);
  expect([bob.pushes.list().length, bob.queued]).toEqual([1, 1]);
  await reads(world, bob);
  // The call comes, and the conversation dies before it hears so.
  world.append("ann");
  bob.onOffered = () => world.crash();
  await world.quiet();
  // What is left of the dead object can't commit.
  world.fire().catch(() => undefined);
  await vi.waitFor(() => expect(bob.queued).toBe(2));
  bob.queue.commitDropped(CONVERSATION);
  const calls = world.offers.length;
  await told(world);
  expect(world.offers.length, "it was made again").toBeGreaterThan(calls);
  expect([bob.pushes.list(), bob.queued]).toEqual([[], 2]);
});

function answerLost(): void {
  throw new Error("the answer is lost");
}

test("[I6] [G13] an offer whose answer is lost is settled, and what was sent by then is not queued again until they read, but for mentions", async () => {
  const { world, bob } = await reading();
  bob.onOffered = answerLost;
  world.append("ann");
  await world.quiet();
  while (bob.queued === 0) await world.fire();
  expect(world.store.readLagging().map(({ user_id }) => user_id)).toEqual(["bob"]);
  bob.queue.commitDropped(CONVERSATION);
  world.append("ann");
  await told(world);
  expect([bob.pushes.list(), bob.queued, bob.inbox()?.settled_seq]).toEqual([[], 1, world.state.head.seq]);
  world.append("ann", null, ["bob"]);
  await told(world);
  expect([bob.pushes.list().length, bob.queued]).toEqual([1, 2]);
});

test("[I6] [G13] an offer whose call fails is owed, over a crash as well, and then made once", async () => {
  const { world, bob } = await reading();
  bob.fails = 3;
  world.append("ann");
  await world.quiet();
  while (world.store.readWatermarks().told_seq < world.state.head.seq) await world.fire();
  expect(world.store.readLagging().map(({ user_id }) => user_id)).toEqual(["bob"]);
  world.crash();
  await told(world);
  expect([bob.fails, bob.pushes.list().length, bob.queued, world.store.readLagging()]).toEqual([0, 1, 1, []]);
});

const OFFERED = ["ann", "ann", "ann", "mention", "crash", "crash", "fire", "fire", "quiet", "fail", "fail", "lost", "lost", "read", "send", "send", "pass"] as const;

test("[I6] [G13] in a group that writes no inboxes, over crashes and failures: one push for what is unread, and one more at most for each mention", async () => {
  await fc.assert(fc.asyncProperty(fc.array(fc.constantFrom(...OFFERED), { maxLength: 40 }), async (steps) => {
    const { world, bob } = await reading();
    let periods = 1;
    let mentions = 0;
    for (const step of steps) {
      if (step === "ann") world.append("ann");
      else if (step === "mention") {
        world.append("ann", null, ["bob"]);
        mentions += 1;
      } else if (step === "crash") world.crash();
      else if (step === "fire") await world.fire();
      else if (step === "quiet") await world.quiet();
      else if (step === "fail") bob.fails += 1;
      else if (step === "lost") bob.onOffered = answerLost;
      else if (step === "pass") world.now += 900;
      else if (step === "send") bob.queue.commitDropped(CONVERSATION);
      else {
        periods += 1;
        bob.fails = 0;
        await reads(world, bob);
      }
      expect(bob.queued, "bounded").toBeLessThanOrEqual(periods + mentions);
      expect(bob.pushes.list().length).toBeLessThanOrEqual(1);
    }
    bob.fails = Math.min(bob.fails, 3);
    await told(world);
    const { head_msg_no, read_msg_no } = { head_msg_no: world.state.head.msg_no, read_msg_no: (bob.inbox() as InboxRecord).read_msg_no };
    const spoken = bob.queue.readPushedSeq(CONVERSATION);
    if (head_msg_no > read_msg_no) expect(spoken, "what is unread was spoken of").toBeGreaterThan((bob.inbox() as InboxRecord).read_seq);
    else expect(bob.pushes.list()).toEqual([]);
    expect(world.store.readLagging()).toEqual([]);
  }), { numRuns: size("offer histories", 80, 2_000) });
});

test("[I7] devices: a token stands for one device, ten at most, and it is never given back", () => {
  const { pushes } = new PushedSession("bob");
  expect(pushes.register("phone", { platform: "apns", token: "t1" }, 1)).toEqual({ device_id: "phone", platform: "apns", updated_at: 1 });
  pushes.register("phone", { platform: "fcm", token: "t2" }, 2);
  pushes.register("tablet", { platform: "fcm", token: "t2" }, 3);
  expect(pushes.devices()).toEqual([{ device_id: "tablet", platform: "fcm", updated_at: 3 }]);
  for (let i = 0; i < 12; i += 1) pushes.register(`d${i}`, { platform: "apns", token: `x${i}` }, 10 + i);
  expect(pushes.devices().map(({ device_id }) => device_id)).toEqual(Array.from({ length: 10 }, (_, i) => `d${11 - i}`));
  expect([pushes.forget("d3"), pushes.forget("d3"), pushes.devices().length]).toEqual([true, false, 9]);
});
