// The audit of an archive that somebody has altered behind its back: each kind of it is named, with its seq, and nothing else is.
import { describe, expect, test } from "vitest";
import { decideNeighbours } from "../../archiver/neighbours.ts";
import { WrongSegment } from "../../archiver/checked-segment.ts";
import { readAudit } from "../../archiver/audit/command.ts";
import { bucketOf as monthOf } from "../../protocol/msg-id.ts";
import { ERASED_SALT, type SegmentEvent } from "../../protocol/segment.ts";
import { Archived, AT, chained, RETENTION_S } from "./audited.ts";
import { conversationId, type Draft, EVERY_TYPE, run, type Segment, segments, text } from "./segments.ts";

const chat = (name: string, length: number, step = 0) =>
  run(Array.from({ length }, (_, i) => ({ ...text(`${name} ${i + 1}`), client_msg_id: `k${i}` })), { conversation: conversationId(name), at: AT, step });

/** A conversation with everything that happens in one: every type, an edit, a second one, and a deletion with its remains. */
function lively(name: string): SegmentEvent[] {
  const conversation = conversationId(name);
  const events = run([...EVERY_TYPE, text("to be edited"), text("to be deleted")], { conversation, at: AT });
  const [edited, deleted] = [events.at(-2), events.at(-1)] as [SegmentEvent, SegmentEvent];
  const follow = (drafts: readonly Draft[]) => events.push(...run(drafts, { conversation, at: AT + events.length * 1_000, fromSeq: events.length + 1 }));
  const edit = (content: string, target: SegmentEvent): Draft => ({ type: "edit", target_msg_id: target.msg_id, target_seq: target.seq, content });
  follow([edit("once", edited)]);
  follow([edit("twice", edited), edit("in vain", deleted)]);
  follow([{ type: "delete", target_msg_id: deleted.msg_id, target_seq: deleted.seq }]);
  const [vain, deletion] = [events.at(-2), events.at(-1)] as [SegmentEvent, SegmentEvent];
  Object.assign(deletion, { erases: [
    { msg_id: deleted.msg_id, body: { content: "", content_type: "text" } },
    { msg_id: vain.msg_id, body: { target_msg_id: deleted.msg_id, target_seq: deleted.seq, content: "" } },
  ] });
  return events;
}

describe("what is whole", () => {
  test.each([true, false])("[C14] a conversation with every type of event, edits and a deletion is complete (thorough: %s)", async (thorough) => {
    const archived = await Archived.of(lively("whole"), 5);
    expect(await archived.audit(thorough)).toMatchObject({ against: "edge", findings: [], expired: 0, to_seq: archived.edge.events.length });
    archived.edge.down = "unreachable";
    expect(await archived.audit()).toMatchObject({ against: "archive", findings: [], to_seq: archived.edge.events.length });
  });

  test("[C14] where the checkpoints agree the quick audit asks for no event", async () => {
    const archived = await Archived.of(chat("quick", 40), 7);
    await archived.audit(false);
    expect(archived.edge.linkCalls).toBe(0);
    expect(await archived.found(true)).toEqual([]);
    expect(archived.edge.linkCalls).toBeGreaterThan(0);
  });

  test("[C14] segments that came in any order, and over the end of a month, are complete", async () => {
    const events = chat("months", 40, 86_400_000);
    expect(new Set(events.map((event) => monthOf(event.msg_id))).size).toBe(2);
    const archived = await Archived.of(events, 7, chained, (made) => [...made.slice(3), ...made.slice(0, 3)].toReversed());
    archived.now = AT + 41 * 86_400_000;
    expect(await archived.found()).toEqual([]);
    expect(await archived.found(false)).toEqual([]);
  });

  test("[C14] what a version without chains has archived is compared event by event, and stays the start of the chain", async () => {
    const events = chat("before", 30);
    const archived = await Archived.of(events, 5, (all, length) => [...segments(all.slice(0, 15), length), ...chained(all, length).slice(3)]);
    archived.edge.checkpoints.splice(0, 3);
    expect(await archived.found(false)).toEqual([]);
    archived.alter("UPDATE messages SET sender_id = 'eve' WHERE seq = 7");
    expect(await archived.found(false)).toEqual(["changed 7"]);
  });

  test("[C14] [B6] rows that are past their retention are no finding; younger ones are", async () => {
    const events = chat("old", 30, 86_400_000);
    const archived = await Archived.of(events, 5);
    archived.now = AT + 12 * 86_400_000 + RETENTION_S * 1_000;
    expect(await archived.audit()).toMatchObject({ findings: [], against: "edge" });
    expect((await archived.audit()).expired).toBeGreaterThanOrEqual(11);
    archived.alter("DELETE FROM messages WHERE seq = 20");
    expect(await archived.found()).toEqual(["removed 20"]);
    archived.edge.down = "absent";
    expect(await archived.found()).toEqual(["removed 20"]);
  });
});

type Tamper = [what: string, sql: string, found: string[], alone?: string[]];

const TAMPERS: readonly Tamper[] = [
  ["removed", "DELETE FROM messages WHERE seq = 13", ["removed 13"]],
  ["a run removed", "DELETE FROM messages WHERE seq BETWEEN 9 AND 23", ["removed 9-23"]],
  ["the first removed", "DELETE FROM messages WHERE seq = 1", ["removed 1"]],
  ["cut", "DELETE FROM messages WHERE seq > 31", ["cut 32-40"]],
  ["the last removed", "DELETE FROM messages WHERE seq = 40", ["cut 40"]],
  ["all removed", "DELETE FROM messages", ["cut 1-40"]],
  ["a content changed where people look", "UPDATE messages SET content = 'forged' WHERE seq = 17", ["changed 17"]],
  ["a body changed", "UPDATE messages SET body = replace(body, 'chat', 'that') WHERE seq = 17", ["changed 17"]],
  ["a body and content changed", "UPDATE messages SET body = replace(body, 'chat', 'that'), content = replace(content, 'chat', 'that') WHERE seq = 17", ["changed 17"]],
  ["shown as edited", "UPDATE messages SET content = 'forged', status = 'EDITED', changed_at = changed_at + 5 WHERE seq = 17", ["changed 17"]],
  ["shown as deleted", "UPDATE messages SET content = '', status = 'DELETED', changed_at = changed_at + 5 WHERE seq = 17", ["changed 17"]],
  ["made look like a deletion's remains", `UPDATE messages SET content = '', status = 'DELETED', changed_at = changed_at + 5, body = '{"content":"","content_type":"text"}', salt = unhex('${ERASED_SALT}') WHERE seq = 17`, ["changed 17"]],
  ["a hash changed", "UPDATE messages SET content_hash = zeroblob(32) WHERE seq = 17", ["changed 17"]],
  ["emptied fields", "UPDATE messages SET body = NULL, salt = NULL WHERE seq = 17", ["changed 17"]],
  ["another type", "UPDATE messages SET type = 'title' WHERE seq = 17", ["changed 17"]],
  // Nothing in the archive says who sent it or by which key: only the conversation does.
  ["another sender", "UPDATE messages SET sender_id = 'eve' WHERE seq = 17", ["changed 17"], []],
  ["another key", "UPDATE messages SET client_msg_id = 'other' WHERE seq = 17", ["changed 17"], []],
  ["seqs swapped", "UPDATE messages SET seq = 25 - seq WHERE seq IN (12, 13)", ["swapped 12", "swapped 13"]],
  ["seqs swapped over segments", "UPDATE messages SET seq = 45 - seq WHERE seq IN (12, 33)", ["swapped 12", "swapped 33"]],
  ["seqs swapped at the bound of two segments", "UPDATE messages SET seq = 29 - seq WHERE seq IN (14, 15)", ["swapped 14", "swapped 15"]],
  ["a seq changed to a later one", "UPDATE messages SET seq = 99 WHERE seq = 17", ["changed 17"]],
  ["no seq where there was one", "UPDATE messages SET seq = NULL WHERE seq = 17", ["changed 17"]],
  ["a row added", "INSERT INTO messages SELECT conversation_id, bucket, substr(message_id, 1, 35) || iif(substr(message_id, 36) = 'f', 'e', 'f'), seq, epoch, type, sender_id, created_at, client_msg_id, msg_no, content_type, content, status, changed_at, body, salt, content_hash, expires_at FROM messages WHERE seq = 17", ["added 17"], ["added 17"]],
  ["the ledger cut", "DELETE FROM segments WHERE from_seq = 15", ["ledger 15-21"]],
  ["the ledger's chain changed", `UPDATE segments SET chain = '${"0".repeat(64)}' WHERE from_seq = 15`, ["ledger 15-21"], ["chain 15-21", "chain 22-28"]],
];

describe("what is not", () => {
  test.each(TAMPERS)("[C14] %s is named, and nothing else", async (_what, sql, expected, alone = expected) => {
    const archived = await Archived.of(chat("chat", 40), 7);
    archived.alter(sql);
    expect(await archived.found()).toEqual(expected);
    archived.edge.down = "unreachable";
    expect((await archived.found()).toSorted()).toEqual(alone.toSorted());
  });

  test.each([[12, 13, ["chain 8-14"]], [12, 33, ["chain 8-14", "chain 29-35"]]] as const)("[C14] the contents of %i and %i swapped, with all that goes with them, are named; alone the archive knows where", async (a, b, alone) => {
    const archived = await Archived.of(chat("chat", 40), 7);
    archived.exchange(["body", "salt", "content_hash", "content", "client_msg_id"], a, b);
    expect(await archived.found()).toEqual([`swapped ${a}`, `swapped ${b}`]);
    archived.edge.down = "unreachable";
    expect(await archived.found()).toEqual(alone);
  });

  test("[C14] an edit that was shown and is not the newest any more, and one whose event is gone, are named", async () => {
    const events = lively("edits");
    const archived = await Archived.of(events, 5);
    const edited = events.find((event) => event.type === "msg" && event.content === "to be edited") as SegmentEvent;
    archived.alter("UPDATE messages SET content = 'never written' WHERE seq = ?", edited.seq);
    expect(await archived.found()).toEqual([`changed ${edited.seq}`]);
  });

  const SEEDS = Array.from({ length: 60 }, (_, i) => i + 1);
  test.each(SEEDS)("[C14] any three removals and changes are named exactly, in any cut (seed %i)", async (seed) => {
    let state = seed;
    const random = (below: number) => {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor((state / 2_147_483_648) * below);
    };
    const length = 20 + random(40);
    const archived = await Archived.of(chat(`seed ${seed}`, length), 3 + random(9));
    const seqs = new Set([1 + random(length), 1 + random(length), 1 + random(length)]);
    const wanted = new Map([...seqs].map((seq) => [seq, random(2) === 0 ? "removed" : "changed"] as const));
    for (const [seq, how] of wanted) {
      archived.alter(how === "removed" ? "DELETE FROM messages WHERE seq = ?" : "UPDATE messages SET body = replace(body, 'seed', 'Seed') WHERE seq = ?", seq);
    }
    const spread = (found: readonly { kind: string; from_seq: number; to_seq: number }[]) => found
      .flatMap(({ kind, from_seq, to_seq }) => Array.from({ length: to_seq - from_seq + 1 }, (_, i) => `${from_seq + i} ${kind === "cut" ? "removed" : kind}`)).toSorted();
    const expected = [...wanted].map(([seq, how]) => `${seq} ${how}`).toSorted();
    for (const thorough of [true, false]) expect(spread((await archived.audit(thorough)).findings)).toEqual(expected);
    archived.edge.down = "unreachable";
    expect(spread((await archived.audit()).findings)).toEqual(expected);
  });
});

describe("the chain on its way into the archive", () => {
  const refused = async (change: (made: Segment[]) => Segment[]): Promise<string> => {
    const events = chat("way", 21);
    try {
      await Archived.of(events, 7, (all, length) => change(chained(all, length)));
      return "archived";
    } catch (error) {
      if (!(error instanceof WrongSegment)) throw error;
      return error.reason;
    }
  };
  const rechained = (made: Segment, change: Record<string, string>): Segment => ({ ...made, metadata: { ...made.metadata, ...change } });
  const OTHER = "ab".repeat(32);

  test("[C14] a segment whose own chain does not lead through its events is refused", async () => {
    expect(await refused((made) => [rechained(made[0] as Segment, { "confab-chain": OTHER })])).toBe("chain");
    expect(await refused((made) => [rechained(made[1] as Segment, { "confab-chain-before": OTHER })])).toBe("chain");
  });

  test("[C14] a segment that does not fit its neighbours in the ledger is refused, whichever comes first", async () => {
    const foreign = chained(chat("other", 21), 7)[1] as Segment;
    const [first, second, third] = chained(chat("way", 21), 7) as [Segment, Segment, Segment];
    const head = { ...second.head, chain_before: foreign.head.chain_before as string, chain: foreign.head.chain as string };
    const entry = ({ head: known }: Segment) => ({ ...known, archived_at: 0 });
    expect(decideNeighbours(second.head, [entry(first), entry(third)])).toBeNull();
    expect(decideNeighbours(head, [entry(first)])).toBe("1-7");
    expect(decideNeighbours(head, [entry(third)])).toBe("15-21");
    expect(decideNeighbours(head, [])).toBeNull();
  });
});

test("[C14] the audit's words are checked", () => {
  const id = conversationId("words");
  expect(readAudit([id, "--quick"])).toEqual({ all: false, quick: true, ids: [id], users: [] });
  expect(readAudit(["--all"])).toEqual({ all: true, quick: false, ids: [], users: [] });
  expect(readAudit(["--user", "ann", "--user", "bob"])).toEqual({ all: false, quick: false, ids: [], users: ["ann", "bob"] });
  for (const wrong of [[], ["--all", id], ["nothing"], ["--everything"], ["--user"], ["--user", "no body"], ["--user", "ann", id], ["--all", "--user", "ann"]]) expect(() => readAudit(wrong)).toThrow();
});
