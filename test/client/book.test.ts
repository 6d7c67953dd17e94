import { expect, test } from "vitest";
import { Book } from "../../client/book.ts";
import type { ChatEvent } from "../../client/timeline.ts";
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
