// Members' watermarks as the archive has them become those of the stays that were restored.
import { decideRestoredMarks } from "../../domain/restore.ts";
import type { Stay } from "../../domain/membership.ts";
import type { MemberMarks } from "../../protocol/archive.ts";
import { isDirect } from "../../protocol/ids.ts";
import { MarksBook } from "./marks.ts";
import type { ConversationStore } from "./store.ts";
import { ReceiptsStore } from "./store/receipts.ts";
import { type RestoreRecord, RestoreStore } from "./store/restores.ts";

/** With one commit. What comes twice takes its own place. */
export function commitRestoredReceipts(store: ConversationStore, { conversation_id, head_seq }: RestoreRecord, receipts: readonly MemberMarks[]): void {
  const rows = new ReceiptsStore(store.sql);
  const restores = new RestoreStore(store.sql);
  const book = new MarksBook(rows);
  // Nobody comes to a direct conversation or leaves it, and only `finish` notes who is in it.
  const staysOf = (user_id: string): Stay[] => (isDirect(conversation_id) ? [{ user_id, role: "member", joined_seq: 1, left_seq: null }] : restores.readStays(user_id));
  const entries = receipts.flatMap((given) => {
    const found = decideRestoredMarks(staysOf(given.user_id), given, head_seq);
    return found === null ? [] : [Object.assign(book.of(found.stay), { marks: found.marks })];
  });
  if (entries.length > 0) rows.commitPages(book.pagesOf(entries));
}
