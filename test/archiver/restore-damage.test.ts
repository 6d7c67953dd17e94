// A restore from an archive that is damaged, that goes on being written while the restore begins, or that has lost its beginning; and what
// it brings back of receipts.
import { expect, test } from "vitest";
import { clipReceipts } from "../../archiver/restore/receipts.ts";
import { DamagedArchive } from "../../archiver/restore/read.ts";
import { RestoreRefused } from "../../archiver/restore/restore.ts";
import { decideRestoredMarks } from "../../domain/restore.ts";
import { Groups } from "../../durable-objects/conversation/groups.ts";
import { ReceiptsStore } from "../../durable-objects/conversation/store/receipts.ts";
import { sha256Hex } from "../../durable-objects/platform/hash.ts";
import { directPairBytes } from "../../protocol/ids.ts";
import { AT, Crash, Losing, filled } from "./restored.ts";
import { conversationId } from "./segments.ts";

const GROUP = conversationId("damaged group");
const DIRECT = `d.${sha256Hex(directPairBytes("ann", "bob"))}`;

test.each([0, 4])("[C14] a hole leaves what is there as it is, and says up to where all is whole; with that seq it is restored so far, and goes on (%i not archived)", async (more) => {
  const conversation = await filled(DIRECT);
  for (let i = 1; i <= more; i += 1) conversation.say("ann", `message ${20 + i}`);
  const rollBack = conversation.snapshot();
  conversation.say("ann", "lost");
  rollBack();
  const before = conversation.picture();
  conversation.lostRows.add(9);
  await expect(conversation.restore({ force: true })).rejects.toThrow("seq 9 is not in the archive: --up-to 8 restores what is before it");
  // The old copy is read as before.
  expect(conversation.picture()).toEqual(before);
  expect(await conversation.restore({ force: true, upTo: 8 })).toMatchObject({ epoch: 2, head_seq: 8, known_seq: 21 + more, lost: { from_seq: 9, to_seq: 21 + more }, content_lost: [] });
  expect(conversation.picture()).toMatchObject({ events: (before as { events: object[] }).events.slice(0, 8) });
  // In the middle of a segment: what was behind it there is passed over from now on, with its row that is found again too.
  conversation.lostRows.clear();
  for (let i = 9; i <= 22; i += 1) conversation.say("bob", `anew ${i}`);
  await conversation.seal();
  await conversation.archiveAll();
  expect(await conversation.audit()).toMatchObject({ findings: [], to_seq: 22, against: "edge" });
  const then = conversation.picture();
  conversation.wipe();
  expect(await conversation.audit({ alone: true })).toMatchObject({ findings: [], to_seq: 22, against: "archive" });
  expect(await conversation.restore()).toMatchObject({ epoch: 3, head_seq: 22, lost: null });
  expect(conversation.picture()).toEqual(then);
  expect(await conversation.audit()).toMatchObject({ findings: [], to_seq: 22 });
});

test("[C14] a restore that was begun further goes on with less when it is told to", async () => {
  const conversation = await filled(DIRECT);
  conversation.wipe();
  let events = 0;
  await expect(conversation.restore({}, (effect) => {
    if (effect === "edge.restore events" && ++events === 1) throw new Crash();
  })).rejects.toThrow(Crash);
  conversation.lostRows.add(15);
  expect(await conversation.restore({ upTo: 14 })).toMatchObject({ epoch: 2, head_seq: 14, lost: { from_seq: 15, to_seq: 20 } });
  expect((await conversation.archive.epochs(DIRECT)).map(({ epoch, from_seq }) => [epoch, from_seq])).toEqual([[2, 15]]);
});

test("[C14] [A18] a message whose content was altered is restored without it where its loss is accepted, and named; nothing else may differ", async () => {
  const conversation = await filled(DIRECT);
  await conversation.alterRow(7, { body: '{"content":"forged","content_type":"text"}' });
  conversation.wipe();
  await expect(conversation.restore()).rejects.toThrow("body of seq 7 is not what it was: --accept-loss restores the message without what it said, --up-to 6 restores what is before it");
  expect(await conversation.restore({ acceptLoss: true })).toMatchObject({ head_seq: 20, lost: null, content_lost: [7] });
  const bodies = conversation.store.readRange(1, 20, 20, "asc").map(({ body }) => (JSON.parse(body as string) as { content: string }).content);
  expect(bodies).toEqual(Array.from({ length: 20 }, (_, i) => (i === 6 ? "" : `message ${i + 1}`)));
  // The archive is as damaged as before, and says so.
  expect((await conversation.audit()).findings).toMatchObject([{ kind: "changed", from_seq: 7 }]);
  for (const [field, value] of [["content_hash", "0".repeat(64)], ["sender_id", null], ["epoch", 7]] as const) {
    const other = await filled(DIRECT);
    await other.alterRow(7, { [field]: value });
    other.wipe();
    await expect(other.restore({ acceptLoss: true }), field).rejects.toThrow(DamagedArchive);
    expect(other.own).toBeNull();
  }
});

test("[C14] what an archiver takes while the epoch begins is restored too", async () => {
  for (const [moment, time] of [["edge.restore look", 1], ["store.epochs", 1], ["bucket.page", 1], ["store.recordEpoch", 1], ["bucket.page", 2], ["store.ledgerAfter", 2], ["bucket.read", 1]] as const) {
    const conversation = await filled(DIRECT);
    for (let i = 21; i <= 32; i += 1) conversation.say("ann", `message ${i}`);
    await conversation.seal();
    const before = conversation.picture();
    let times = 0;
    const report = await conversation.restore({ force: true }, async (effect) => {
      if (effect !== moment || ++times !== time) return;
      await conversation.archiveBehind();
      // The object itself has no longer what only the archive has since.
      conversation.open.sealing.prune(conversation.now);
    });
    expect(report, moment).toMatchObject({ head_seq: 32, lost: null });
    expect(conversation.picture()).toEqual(before);
  }
});

/** Its first events have gone from the archive, and its storage is lost. */
async function old(id: string): Promise<Losing> {
  const conversation = new Losing(id);
  for (let i = 0; i < 5; i += 1) conversation.say("ann", `old ${i}`);
  await conversation.seal();
  await conversation.archiveAll();
  conversation.now += 6 * 365 * 86_400_000;
  for (let i = 0; i < 6; i += 1) conversation.say("ann", `message ${i}`);
  await conversation.seal();
  await conversation.archiveAll();
  conversation.now += 2 * 365 * 86_400_000;
  conversation.wipe();
  return conversation;
}

test("[C14] a group whose first events are past their retention is refused with the reason, and nothing is begun", async () => {
  const conversation = await old(GROUP);
  await expect(conversation.restore()).rejects.toThrow("the archive begins at seq 7: what was before is past its retention");
  await expect(conversation.restore({ upTo: 0 })).rejects.toThrow(RestoreRefused);
  expect(await conversation.archive.epochs(GROUP)).toEqual([]);
  expect(conversation.own).toBeNull();
});

test("[C14] a direct conversation whose first events are past their retention can begin anew, when it is told to", async () => {
  const conversation = await old(DIRECT);
  await expect(conversation.restore()).rejects.toThrow("--up-to 0 begins it anew, empty");
  expect(await conversation.archive.epochs(DIRECT)).toEqual([]);
  expect(await conversation.restore({ upTo: 0 })).toMatchObject({ epoch: 2, head_seq: 0, known_seq: 11, lost: { from_seq: 1, to_seq: 11 } });
  for (let i = 1; i <= 3; i += 1) conversation.say("bob", `anew ${i}`);
  await conversation.seal();
  await conversation.archiveAll();
  expect(await conversation.audit()).toMatchObject({ findings: [], to_seq: 3 });
  const then = conversation.picture();
  conversation.wipe();
  expect(await conversation.restore()).toMatchObject({ epoch: 3, head_seq: 3, lost: null });
  expect(conversation.picture()).toEqual(then);
});

test("[C14] who was banned is banned afterwards where an old copy says so, however often a restore begins; invitations are not valid any more", async () => {
  const conversation = new Losing(GROUP);
  const groups = () => new Groups(conversation.store, conversation.open.state);
  groups().ban({ actor_id: "ann", user_id: "cyd" }, AT);
  expect(groups().invite({ actor_id: "ann", expires_in_s: 3_600, max_uses: 5 }, AT)).toMatchObject({ ok: true });
  await conversation.seal();
  await conversation.archiveAll();
  let begun = 0;
  await expect(conversation.restore({ force: true }, (effect) => {
    if (effect === "edge.restore events" && ++begun === 1) throw new Crash();
  })).rejects.toThrow(Crash);
  expect(await conversation.restore({ upTo: 1 })).toMatchObject({ head_seq: 1 });
  expect(groups().bans("ann")).toEqual({ ok: true, bans: [{ user_id: "cyd", by: "ann", at: AT }] });
  expect(groups().invites("ann", AT)).toEqual({ ok: true, invites: [] });
  // A numbered device goes on from whatever number it comes with.
  conversation.append("bob", { content: "numbered", content_type: "text", device_id: "phone", client_sequence_number: 7 });
  conversation.append("bob", { content: "numbered", content_type: "text", device_id: "phone", client_sequence_number: 8 });
  expect(conversation.open.state.head.seq).toBe(3);
});

const marks = (user_id: string, delivered_seq: number, read_seq: number, at = AT) => ({ user_id, delivered_seq, delivered_at: at, read_seq, read_at: read_seq === 0 ? 0 : at });
const stored = (conversation: Losing) => new ReceiptsStore(conversation.store.sql).readPages().flatMap(({ stays }) => stays).toSorted((a, b) => (a.user_id < b.user_id ? -1 : 1));

test("[C14] [A7] receipts come back with their times, each into the stay that it was given in, and no further than what was restored", async () => {
  const conversation = new Losing(GROUP);
  for (let i = 0; i < 5; i += 1) conversation.say("ann", `message ${i}`);
  conversation.remove("cyd");
  conversation.put("cyd", "member");
  conversation.say("ann", "the ninth and last");
  await conversation.seal();
  await conversation.archiveAll();
  await conversation.archive.mergeReceipts(GROUP, [marks("ann", 9, 9, AT + 1), marks("bob", 30, 20, AT + 2), marks("cyd", 5, 3), marks("nobody", 4, 4), marks("ann", 8, 0)]);
  conversation.now += 60_000;
  for (const how of ["once", "with each answer lost"] as const) {
    conversation.wipe();
    const seen = new Set<string>();
    for (let done = false; !done;) {
      done = await conversation.restore({ force: true }, (effect) => {
        if (how === "once" || !effect.startsWith("edge.restore") || seen.has(effect)) return;
        seen.add(effect);
        throw new Crash();
      }).then(() => true, (error: unknown) => {
        if (!(error instanceof Crash)) throw error;
        return false;
      });
      conversation.wake();
    }
    expect(stored(conversation), how).toEqual([
      { user_id: "ann", joined_seq: 1, marks: { delivered_seq: 9, delivered_at: AT + 1, read_seq: 9, read_at: AT + 1 } },
      { user_id: "bob", joined_seq: 1, marks: { delivered_seq: 9, delivered_at: AT + 2, read_seq: 9, read_at: AT + 2 } },
      // Of the stay that ended: in the one after it nothing was read yet.
      { user_id: "cyd", joined_seq: 1, marks: { delivered_seq: 5, delivered_at: AT, read_seq: 3, read_at: AT } },
    ]);
  }
});

test("[C14] [A7] what somebody had read of events that a restore gave up is no receipt for those that took their seqs", async () => {
  const conversation = await filled(DIRECT, 6);
  await conversation.archive.mergeReceipts(DIRECT, [marks("bob", 9, 9)]);
  conversation.now += 60_000;
  conversation.wipe();
  expect(await conversation.restore()).toMatchObject({ head_seq: 6, receipts: 1 });
  expect(stored(conversation)).toEqual([{ user_id: "bob", joined_seq: 1, marks: { delivered_seq: 6, delivered_at: AT, read_seq: 6, read_at: AT } }]);
  for (let i = 7; i <= 12; i += 1) conversation.say("ann", `anew ${i}`);
  await conversation.seal();
  await conversation.archiveAll();
  await conversation.archive.mergeReceipts(DIRECT, [marks("ann", 8, 0, conversation.now)]);
  conversation.now += 60_000;
  conversation.wipe();
  expect(await conversation.restore()).toMatchObject({ epoch: 3, head_seq: 12, receipts: 2 });
  expect(stored(conversation).map(({ user_id, marks: { delivered_seq, read_seq } }) => [user_id, delivered_seq, read_seq])).toEqual([["ann", 8, 0], ["bob", 6, 6]]);
});

test("[C14] [A7] an edge of a version before takes no receipts, and is restored without them", async () => {
  const conversation = await filled(DIRECT);
  await conversation.archive.mergeReceipts(DIRECT, [marks("bob", 9, 9)]);
  conversation.wipe();
  conversation.refusesReceipts = true;
  expect(await conversation.restore()).toMatchObject({ head_seq: 20, receipts: null });
  expect(stored(conversation)).toEqual([]);
});

test("[A7] watermarks by the epochs, and by a member's stays", () => {
  const epoch = (number: number, from_seq: number | null, begun_at: number) => ({ epoch: number, from_seq, begun_at, completed_at: null });
  const clipped = (seq: number, at: number) => clipReceipts([marks("ann", seq, seq, at)], [epoch(2, 11, 100), epoch(3, 21, 200), epoch(4, null, 300)]).map(({ read_seq }) => read_seq);
  expect([clipped(15, 99), clipped(15, 100), clipped(25, 150), clipped(25, 200)]).toEqual([[10], [15], [20], [25]]);
  expect(clipReceipts([marks("ann", 5, 0, 50)], [epoch(2, 1, 100)])).toEqual([]);
  const stay = (joined_seq: number, left_seq: number | null) => ({ user_id: "ann", role: "member" as const, joined_seq, left_seq });
  const decided = (...given: Parameters<typeof decideRestoredMarks>) => {
    const found = decideRestoredMarks(...given);
    return found === null ? null : [found.stay.joined_seq, found.marks.delivered_seq, found.marks.read_seq, found.marks.read_at];
  };
  expect(decided([stay(3, 8), stay(12, null)], marks("ann", 15, 10), 99)).toEqual([12, 15, 11, 0]);
  expect(decided([stay(3, 8), stay(12, null)], marks("ann", 9, 9), 99)).toEqual([3, 9, 9, AT]);
  expect(decided([stay(3, null)], marks("ann", 2, 2), 99)).toBeNull();
  expect(decided([stay(3, null)], { delivered_seq: 0, delivered_at: 0, read_seq: 7, read_at: 5 }, 6)).toEqual([3, 6, 6, 5]);
});
