import { describe, expect, test } from "vitest";
import { Book } from "../../client/book.ts";
import { decideRead } from "../../client/reading.ts";
import type { ChatEvent } from "../../client/timeline.ts";
import type { ConversationRow } from "../../protocol/frames/inbox.ts";
import { msgIdAt } from "../../protocol/msg-id.ts";

const GROUP = `g.${"0".repeat(32)}`;

function event(seq: number, own: object): ChatEvent {
  const sent_at = 1_800_000_000_000 + seq;
  return { conversation_id: GROUP, epoch: 1, seq, msg_id: msgIdAt(sent_at * 1_000, new Uint8Array(8)), sender_id: "bob", sent_at, ...own } as ChatEvent;
}

test("[unread] whoever is added to an old group has nothing unread but what comes from then on", () => {
  const book = new Book();
  book.event(event(1_001, { type: "member_added", user_id: "ann", role: "member" }), "ann");
  for (const [seq, msg_no] of [[1_002, 990], [1_003, 991]] as const) {
    book.event(event(seq, { type: "msg", msg_no, content: "x", content_type: "text", client_msg_id: `k${seq}` }), "ann");
  }
  expect(book.rows()).toMatchObject([{ unread: 2, head_msg_no: 991 }]);
});

const row = (changes: Partial<ConversationRow>): ConversationRow => ({
  conversation_id: GROUP, kind: "group", title: "Lunch", peer_id: null, epoch: 1, head_seq: 10, head_msg_no: 9, read_seq: 8, unread: 2, unread_mentions: 1,
  last_message: null, last_at: 10, muted: false, archived: false, mode: "write", handle: "00000000000000aa", ...changes,
});
const said = (seq: number, changes: object = {}) => event(seq, { type: "msg", msg_no: seq - 1, content: `m${seq}`, content_type: "text", client_msg_id: `k${seq}`, ...changes });

describe("the server's rows, and what passes between them", () => {
  test("a message raises unread, mentions and the preview, and takes the conversation out of the archive", () => {
    const book = new Book();
    book.load([row({ archived: true })]);
    book.event(said(11, { mentions: ["ann"] }), "ann");
    expect(book.get(GROUP)).toMatchObject({ unread: 3, unread_mentions: 2, archived: false, head_seq: 11, last_message: { preview: "m11", sender_id: "bob" } });
    book.event(event(12, { type: "react", target_msg_id: "m", target_seq: 11, emoji: "👍", on: true }), "ann");
    expect(book.get(GROUP)).toMatchObject({ unread: 3, head_seq: 12 });
    book.event(said(13, { sender_id: "ann" }), "ann");
    expect(book.get(GROUP)).toMatchObject({ unread: 0, unread_mentions: 0 });
  });

  test("the newest message edited or deleted is so in the list", () => {
    const book = new Book();
    const last = said(11);
    book.event(last, "ann");
    book.event(event(12, { type: "edit", target_msg_id: last.msg_id, target_seq: 11, content: "better" }), "ann");
    expect(book.get(GROUP)?.last_message?.preview).toBe("better");
    book.event(event(13, { type: "delete", target_msg_id: last.msg_id, target_seq: 11 }), "ann");
    expect(book.get(GROUP)?.last_message).toMatchObject({ preview: null, deleted: true });
  });

  test("a row that the server made before the last event keeps what has passed since", () => {
    const book = new Book();
    book.load([row({})]);
    book.event(said(11), "ann");
    book.load([row({ muted: true })]);
    expect(book.get(GROUP)).toMatchObject({ muted: true, unread: 3, head_seq: 11, last_message: { preview: "m11" } });
    book.load([row({ read_seq: 10, unread: 0, unread_mentions: 0 })]);
    expect(book.get(GROUP)).toMatchObject({ unread: 1, read_seq: 10 });
  });

  test("a row of an inbox frame that counts messages it has not settled takes nothing of the newest one away", () => {
    const book = new Book();
    const [older, newest] = [said(11), said(12)];
    for (const message of [older, newest]) book.event(message, "ann");
    const shown = book.get(GROUP)?.last_message;
    const stale = { ...shown, seq: 11, msg_id: older.msg_id, preview: "m11" } as NonNullable<ConversationRow["last_message"]>;
    for (const last_message of [null, stale]) {
      book.load([row({ head_seq: 12, head_msg_no: 11, read_seq: 12, unread: 0, last_message })]);
      expect(book.get(GROUP)).toMatchObject({ unread: 0, last_message: { seq: 12, preview: "m12" } });
    }
    book.event(event(13, { type: "delete", target_msg_id: newest.msg_id, target_seq: 12 }), "ann");
    book.load([row({ head_seq: 13, head_msg_no: 11, last_message: { ...stale, seq: 12, msg_id: newest.msg_id, preview: "m12" } })]);
    expect(book.get(GROUP)?.last_message).toMatchObject({ preview: null, deleted: true });
    // What came while this client was away is the row's to say.
    book.load([row({ head_seq: 14, head_msg_no: 12, last_message: { ...stale, seq: 14, preview: "m14" } })]);
    expect(book.get(GROUP)?.last_message).toMatchObject({ seq: 14, preview: "m14" });
  });

  test("what was read here stays read while the server does not know it yet", () => {
    const book = new Book();
    book.load([row({})]);
    expect(book.readTo(GROUP, 10, 0)).toBe(true);
    book.load([row({ head_seq: 11, head_msg_no: 10, unread: 3 })]);
    expect(book.get(GROUP)).toMatchObject({ unread: 1, read_seq: 10 });
  });

  test("conversations that were left go, and a notify finds its conversation by the handle", () => {
    const book = new Book();
    book.load([row({})]);
    expect(book.byHandle("00000000000000aa")?.title).toBe("Lunch");
    book.load([row({ left: true })]);
    expect(book.rows()).toEqual([]);
    expect(book.byHandle("00000000000000aa")).toBe(undefined);
  });
});

describe("reading", () => {
  test("what is behind stays unread; nothing is told of one's own messages, reactions, or what is read already", () => {
    const run = [said(9), said(10), said(11, { sender_id: "ann" }), said(12)];
    expect(decideRead(run, 12, row({}), "ann")).toBe(0);
    expect(decideRead(run, 10, row({}), "ann")).toBe(1);
    expect(decideRead(run, 12, row({ read_seq: 12, unread: 0 }), "ann")).toBe(null);
    expect(decideRead(run.slice(0, 3), 11, row({ read_seq: 10, unread: 0 }), "ann")).toBe(null);
    expect(decideRead(run, 12, row({ read_seq: 10, unread: 0 }), "ann")).toBe(0);
    expect(decideRead([], 12, row({}), "ann")).toBe(0);
    expect(decideRead(run, 12, undefined, "ann")).toBe(null);
  });
});
