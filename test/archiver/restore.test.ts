// Restoring a conversation from its archive: what it was is there again, whatever died on the way, and what is not is named.
import { describe, expect, test } from "vitest";
import { decideTarget } from "../../archiver/restore/plan.ts";
import { readRestore } from "../../archiver/restore/command.ts";
import { DamagedArchive } from "../../archiver/restore/read.ts";
import { RestoreRefused } from "../../archiver/restore/restore.ts";
import { WrongSegment } from "../../archiver/checked-segment.ts";
import { decideTrust } from "../../domain/restore.ts";
import { directPairBytes } from "../../protocol/ids.ts";
import { sha256Hex } from "../../durable-objects/platform/hash.ts";
import { size } from "../sizes.ts";
import { AT, Crash, Losing, filled } from "./restored.ts";
import { conversationId } from "./segments.ts";

const GROUP = conversationId("restored group");
const DIRECT = `d.${sha256Hex(directPairBytes("ann", "bob"))}`;
const EMOJIS = ["👍", "🎉"];

class Dice {
  #state: number;
  constructor(seed: number) {
    this.#state = seed;
  }
  below(limit: number): number {
    this.#state = (this.#state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((this.#state / 2_147_483_648) * limit);
  }
  one<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
}

/** A history of everything that may happen, by whoever may. */
async function live(conversation: Losing, dice: Dice, steps: number): Promise<void> {
  for (let step = 0; step < steps; step += 1) {
    const { members, head } = conversation.open.state;
    const user = dice.one([...members.keys()]);
    const target_msg_id = head.seq === 0 ? null : conversation.store.readMsgId(1 + dice.below(head.seq));
    const what = dice.below(14);
    if (what < 4 || target_msg_id === null) conversation.say(user, `content ${step} ${"x".repeat(dice.below(300))}`, what === 0 ? { mentions: [...members.keys()] } : {});
    else if (what === 4) conversation.say(user, `answer ${step}`, { reply_to: target_msg_id });
    else if (what === 5) conversation.append(user, { type: "edit", target_msg_id, content: `edited ${step}` });
    else if (what === 6) conversation.append(user, { type: "delete", target_msg_id });
    else if (what < 9) conversation.append(user, { type: "react", target_msg_id, emoji: dice.one(EMOJIS), on: dice.below(3) > 0 });
    else if (what === 9) conversation.put(dice.one(["dan", "eve"]), "member");
    else if (what === 10) conversation.put(user, dice.one(["admin", "member"]));
    else if (what === 11 && members.size > 2) conversation.remove(user);
    else if (what === 12) conversation.configure(dice.below(2) === 0 ? { title: `T${step}` } : { history: dice.one(["all", "joined"]) });
    else await conversation.seal();
    if (dice.below(12) === 0) await conversation.archiveAll(1 + dice.below(3));
    if (dice.below(20) === 0) conversation.open.sealing.prune(conversation.now);
  }
}

describe("what is restored", () => {
  const SEEDS = Array.from({ length: size("restored histories", 40, 400) }, (_, i) => i + 1);
  test.each(SEEDS)("[C14] a history of everything that may happen is what it was, from archive and waiting segments (seed %i)", async (seed) => {
    const dice = new Dice(seed);
    const conversation = new Losing(seed % 4 === 0 ? DIRECT : GROUP);
    await live(conversation, dice, 60);
    await conversation.seal();
    const before = conversation.picture();
    const head = conversation.open.state.head.seq;
    conversation.wipe();
    const report = await conversation.restore();
    expect(report).toMatchObject({ epoch: 2, head_seq: head, known_seq: head, lost: null, unasked: 0, left_behind: [] });
    expect(conversation.picture()).toEqual(before);
    const { record, marks } = conversation.open.state;
    expect([record.epoch, marks.archived_seq, marks.fanout_seq]).toEqual([2, head, head - 1]);
    expect(conversation.bucket.size).toBe(0);
    expect(await conversation.audit()).toMatchObject({ findings: [], to_seq: head });
    // Life goes on: what comes now is archived behind it, with the new epoch, and is restored once more.
    await live(conversation, dice, 25);
    await conversation.seal();
    await conversation.archiveAll();
    conversation.open.sealing.prune(conversation.now);
    expect(await conversation.audit()).toMatchObject({ findings: [], to_seq: conversation.open.state.head.seq });
    const then = conversation.picture();
    conversation.wipe();
    expect(await conversation.restore()).toMatchObject({ epoch: 3, lost: null });
    expect(conversation.picture()).toEqual(then);
    expect(await conversation.audit()).toMatchObject({ findings: [] });
  });

  test("[C14] [A5] a resend of what was restored gets its first acknowledgement, with the new epoch", async () => {
    const conversation = new Losing(DIRECT);
    for (let i = 0; i < 8; i += 1) conversation.say("ann", `message ${i}`);
    await conversation.seal();
    conversation.wipe();
    await conversation.restore();
    conversation.append("ann", { client_msg_id: "k3", content: "again", content_type: "text" });
    expect(conversation.open.state.head.seq).toBe(8);
    expect(conversation.store.readKeys("ann", ["k3"]).get("k3")?.seq).toBe(3);
  });

  test("[C14] ids go on increasing behind what was restored, also where the clock went back", async () => {
    const conversation = new Losing(DIRECT);
    for (let i = 0; i < 8; i += 1) conversation.say("ann", `message ${i}`);
    await conversation.seal();
    conversation.wipe();
    await conversation.restore();
    conversation.now = AT - 1_000_000;
    conversation.say("bob", "after");
    expect(conversation.store.readMsgId(9) as string > (conversation.store.readMsgId(8) as string)).toBe(true);
  });
});

test.each([1, 2, 3, 4, 5, 6])("[C14] [X4] who was erased before is erased after, and the audit proves it (seed %i)", async (seed) => {
  const dice = new Dice(seed);
  const conversation = new Losing(GROUP);
  await live(conversation, dice, 50);
  await conversation.seal();
  await conversation.archiveAll();
  conversation.eraseSender("bob");
  await live(conversation, dice, 20);
  await conversation.seal();
  await conversation.archiveAll();
  expect((await conversation.audit()).findings).toEqual([]);
  const before = conversation.picture();
  const bobs = conversation.store.readRange(1, 10_000, 10_000, "asc").filter((row) => row.sender_id === "bob" && row.type === "msg" && row.seq < 50 && row.salt?.every((byte) => byte === 0) === true).map((row) => row.seq);
  conversation.wipe();
  await conversation.restore();
  expect(conversation.picture()).toEqual(before);
  for (const seq of bobs) expect(conversation.store.readEvent(seq)?.body).toContain('"content":""');
  expect((await conversation.audit()).findings).toEqual([]);
});

describe("a crash at every step", () => {
  async function lostOne(): Promise<Losing> {
    const conversation = new Losing(GROUP);
    await live(conversation, new Dice(7), 70);
    await conversation.seal();
    await conversation.archiveAll(2);
    expect(conversation.bucket.size).toBeGreaterThan(1);
    return conversation;
  }

  test.each(["absent", "rolled back"])("[C14] the same command again ends in the same conversation, and no epoch is used up (%s)", async (how) => {
    let steps = 0;
    for (let step = 1; ; step += 1) {
      const conversation = await lostOne();
      const before = conversation.picture();
      const head = conversation.open.state.head.seq;
      if (how === "absent") conversation.wipe();
      else conversation.snapshot()();
      let done = 0;
      const options = { force: how !== "absent" };
      const crashed = await conversation.restore(options, () => {
        done += 1;
        if (done === step) throw new Crash();
      }).then(() => false, (error: unknown) => {
        if (error instanceof Crash) return true;
        throw error;
      });
      conversation.wake();
      const over = (await conversation.archive.epochs(GROUP)).at(-1)?.completed_at ?? null;
      const report = crashed && over === null ? await conversation.restore(options) : null;
      if (report !== null) expect(report, `after ${step}`).toMatchObject({ epoch: 2, head_seq: head, lost: null });
      expect(conversation.picture(), `after ${step}`).toEqual(before);
      expect(conversation.bucket.size).toBe(0);
      expect((await conversation.archive.epochs(GROUP)).map(({ epoch, from_seq, completed_at }) => [epoch, from_seq, completed_at !== null])).toEqual([[2, head + 1, true]]);
      expect(await conversation.audit()).toMatchObject({ findings: [] });
      if (!crashed) break;
      steps += 1;
    }
    expect(steps).toBeGreaterThan(20);
  });

  test("[C14] storage that is lost once more on the way is begun anew, with the same epoch and the same end", async () => {
    const conversation = await lostOne();
    const before = conversation.picture();
    conversation.wipe();
    let pages = 0;
    await expect(conversation.restore({}, (effect) => {
      if (effect !== "edge.restore events" || ++pages < 1) return;
      conversation.wipe();
      throw new Crash();
    })).rejects.toThrow(Crash);
    expect(await conversation.restore()).toMatchObject({ epoch: 2 });
    expect(conversation.picture()).toEqual(before);
  });
});

describe("what is lost, or not to be restored", () => {
  test("[C14] what was acknowledged and is in no archive is named", async () => {
    const conversation = await filled(DIRECT);
    for (let i = 21; i <= 23; i += 1) conversation.say("ann", `message ${i}`);
    conversation.wipe();
    expect(await conversation.restore()).toMatchObject({ head_seq: 20, known_seq: 23, lost: { from_seq: 21, to_seq: 23 } });
    conversation.say("ann", "goes on");
    expect(conversation.open.state.head.seq).toBe(21);
  });

  test("[C14] storage that was rolled back keeps what is in no archive yet, where it continues it", async () => {
    const conversation = await filled(DIRECT);
    for (let i = 21; i <= 30; i += 1) conversation.say("ann", `message ${i}`);
    const rollBack = conversation.snapshot();
    const before = conversation.picture();
    for (let i = 31; i <= 33; i += 1) conversation.say("ann", `message ${i}`);
    rollBack();
    // A session has more than is there: nothing goes on.
    expect(decideTrust(conversation.own ?? { epoch: 0, seq: 0 }, conversation.inboxes.get("bob"))).toBe("rolled_back");
    expect(await conversation.restore({ force: true })).toMatchObject({ head_seq: 30, known_seq: 33, lost: { from_seq: 31, to_seq: 33 } });
    expect(conversation.picture()).toEqual(before);
    expect(await conversation.audit()).toMatchObject({ findings: [], to_seq: 30 });
  });

  test("[C14] storage that went its own way after it was rolled back is restored from the archive alone", async () => {
    const conversation = await filled(DIRECT);
    const rollBack = conversation.snapshot();
    for (let i = 21; i <= 30; i += 1) conversation.say("ann", `message ${i}`);
    await conversation.seal();
    await conversation.archiveAll();
    const before = conversation.picture();
    rollBack();
    for (let i = 21; i <= 40; i += 1) conversation.say("ann", `another ${i}`);
    expect(await conversation.restore({ force: true })).toMatchObject({ head_seq: 30, known_seq: 40 });
    expect(conversation.picture()).toEqual(before);
  });

  test("[C14] a conversation that is well is refused, and untouched", async () => {
    const conversation = await filled(DIRECT);
    const before = conversation.picture();
    await expect(conversation.restore()).rejects.toThrow(RestoreRefused);
    expect(conversation.picture()).toEqual(before);
    expect(await conversation.archive.epochs(DIRECT)).toEqual([]);
    expect(conversation.open.state.record.epoch).toBe(1);
  });

  test("[C14] storage that lacks what the archive has is restored without being told to", async () => {
    const conversation = await filled(DIRECT, 6);
    const rollBack = conversation.snapshot();
    for (let i = 7; i <= 18; i += 1) conversation.say("ann", `message ${i}`);
    await conversation.seal();
    await conversation.archiveAll();
    rollBack();
    expect(await conversation.restore()).toMatchObject({ epoch: 2, head_seq: 18 });
  });

  test("[C14] an archive that was altered is not restored from in silence", async () => {
    const conversation = await filled(DIRECT);
    const [row] = await conversation.archive.scan(DIRECT, "2026-11", null, 1);
    conversation.wipe();
    await conversation.archive.write({
      conversation_id: DIRECT, rows: [],
      changes: [{ bucket: "2026-11", message_id: row?.message_id as string, content: "", status: "DELETED", changed_at: AT * 1_000 + 1e9, body: '{"content":"forged","content_type":"text"}', expires_at: 1e10 }],
    });
    // Under a hash that nothing has any more.
    await expect(conversation.restore()).rejects.toThrow("body of seq 1 is not what it was");
    conversation.wake();
    expect(conversation.own).toBeNull();
    expect((await conversation.archive.epochs(DIRECT)).map(({ completed_at }) => completed_at)).toEqual([null]);
  });

  test("[C14] a hole in the archive ends the restoring with its seq", async () => {
    const conversation = await filled(DIRECT);
    conversation.wipe();
    conversation.lostRows.add(9);
    await expect(conversation.restore()).rejects.toThrow(DamagedArchive);
  });

  test("[C14] of a direct conversation in which one alone wrote the segments know the other", async () => {
    const conversation = new Losing(DIRECT);
    for (let i = 0; i < 7; i += 1) conversation.say("ann", `message ${i}`);
    await conversation.seal();
    await conversation.archiveAll();
    conversation.wipe();
    await conversation.restore();
    expect([...conversation.open.state.members.keys()].toSorted()).toEqual(["ann", "bob"]);
  });

  test("[C14] where nothing names both users they have to be said, and are checked against the id", async () => {
    const conversation = new Losing(DIRECT);
    for (let i = 0; i < 7; i += 1) conversation.say("ann", `message ${i}`);
    await conversation.seal();
    for (const object of conversation.bucket.values()) delete object.metadata["confab-pair"];
    await conversation.archiveAll();
    conversation.wipe();
    await expect(conversation.restore()).rejects.toThrow("--members");
    await expect(conversation.restore({ members: ["ann", "cyd"] })).rejects.toThrow("--members");
    expect(await conversation.restore({ members: ["bob", "ann"] })).toMatchObject({ epoch: 2, head_seq: 7 });
  });

  test("[C14] a direct conversation of which nothing is archived begins again empty, with a new epoch; of a group nobody knows", async () => {
    const direct = new Losing(DIRECT);
    direct.say("ann", "lost");
    direct.wipe();
    expect(await direct.restore({ members: ["ann", "bob"] })).toMatchObject({ epoch: 2, head_seq: 0, known_seq: 1, lost: { from_seq: 1, to_seq: 1 } });
    direct.say("ann", "first again");
    expect(direct.own).toEqual({ epoch: 2, seq: 1 });
    const group = new Losing(GROUP);
    group.wipe();
    await expect(group.restore()).rejects.toThrow(RestoreRefused);
  });

  test("[C14] a segment of an ended epoch that comes late is refused, and no row of it is written", async () => {
    const conversation = await filled(DIRECT);
    for (let i = 21; i <= 27; i += 1) conversation.say("ann", `message ${i}`);
    await conversation.seal();
    const [late] = [...conversation.bucket];
    conversation.bucket.clear();
    conversation.wipe();
    expect(await conversation.restore()).toMatchObject({ head_seq: 20, known_seq: 27 });
    conversation.say("bob", "in its place");
    if (late !== undefined) conversation.bucket.set(late[0], late[1]);
    const rejected = await conversation.archiveAll().then(() => null, (error: unknown) => error);
    expect(rejected).toBeInstanceOf(WrongSegment);
    expect((rejected as WrongSegment).reason).toBe("epoch");
    expect((await conversation.archive.scan(DIRECT, "2026-11", null, 100)).map((row) => row.seq)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    // Another restore leaves it behind, by its name.
    await conversation.seal();
    conversation.wipe();
    expect(await conversation.restore()).toMatchObject({ epoch: 3, head_seq: 21, left_behind: [late?.[0]] });
  });

  test("[C14] rows behind a hole that an older epoch left are passed over by restore and audit", async () => {
    const conversation = await filled(DIRECT, 6);
    for (let i = 7; i <= 12; i += 1) conversation.say("ann", `message ${i}`);
    await conversation.seal();
    for (let i = 13; i <= 18; i += 1) conversation.say("ann", `message ${i}`);
    await conversation.seal();
    const hole = [...conversation.bucket.keys()].find((key) => key.includes("/7-")) as string;
    conversation.bucket.delete(hole);
    // What is behind the hole is archived already.
    await conversation.archiveAll();
    expect((await conversation.archive.scan(DIRECT, "2026-11", null, 100)).map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 13, 14, 15, 16, 17, 18]);
    conversation.wipe();
    const report = await conversation.restore();
    expect(report.head_seq).toBe(6);
    for (let i = 7; i <= 20; i += 1) conversation.say("bob", `anew ${i}`);
    await conversation.seal();
    await conversation.archiveAll();
    expect(await conversation.audit()).toMatchObject({ findings: [], to_seq: 20 });
    const before = conversation.picture();
    conversation.wipe();
    expect(await conversation.restore()).toMatchObject({ epoch: 3, head_seq: 20 });
    expect(conversation.picture()).toEqual(before);
  });
});

test("[C14] which epoch a restore takes", () => {
  const absent = { state: "absent", epoch: 0, head_seq: 0, next_seq: 0, known_seq: 0, unasked: 0 } as const;
  const begun = { epoch: 4, from_seq: null, begun_at: 1, completed_at: null };
  expect(decideTarget(absent, [], 1, 10, false)).toEqual({ kind: "go", epoch: 2, resumes: null });
  expect(decideTarget(absent, [{ ...begun, completed_at: 2 }], 3, 10, false)).toEqual({ kind: "go", epoch: 5, resumes: null });
  expect(decideTarget(absent, [begun], 3, 10, false)).toEqual({ kind: "go", epoch: 4, resumes: begun });
  expect(decideTarget({ ...absent, state: "healthy", epoch: 4, head_seq: 10 }, [begun], 3, 10, false)).toEqual({ kind: "done", epoch: 4 });
  expect(decideTarget({ ...absent, state: "healthy", epoch: 1, head_seq: 10 }, [], 1, 10, false).kind).toBe("refused");
  expect(decideTarget({ ...absent, state: "healthy", epoch: 1, head_seq: 9 }, [], 1, 10, false)).toMatchObject({ kind: "go", epoch: 2 });
  expect(decideTarget({ ...absent, state: "healthy", epoch: 1, head_seq: 10 }, [], 1, 10, true)).toMatchObject({ kind: "go", epoch: 2 });
  expect(decideTarget({ ...absent, state: "needed", epoch: 7, head_seq: 10 }, [], 1, 10, false)).toMatchObject({ kind: "go", epoch: 8 });
});

test("[C14] the restore's words are checked", () => {
  expect(readRestore([DIRECT, "--members", "ann,bob", "--force"])).toEqual({ id: DIRECT, members: ["ann", "bob"], force: true, upTo: null, acceptLoss: false });
  expect(readRestore(["--up-to", "8", "--accept-loss", GROUP])).toEqual({ id: GROUP, members: null, force: false, upTo: 8, acceptLoss: true });
  for (const wrong of [
    [], [DIRECT, GROUP], ["nothing"], [DIRECT, "--members"], [DIRECT, "--members", "ann"], [DIRECT, "--quick"], [DIRECT, "--up-to"], [DIRECT, "--up-to", "x"], [DIRECT, "--up-to", "-1"],
  ]) expect(() => readRestore(wrong)).toThrow();
});
