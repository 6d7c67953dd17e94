// What a deletion leaves: of the message its place, its kind and the thread that it is in; of its edits their place; of a
// reaction that it was one. The hash of what was there stays, so that the chain of events is as it was.
import { leftOfEdit, leftOfMessage, leftOfReaction } from "../../domain/erasure.ts";
import type { ContentType } from "../../protocol/events.ts";
import type { EventRecord } from "./records.ts";
import { contentHash, type Place } from "./encode.ts";
import type { ConversationStore } from "./store.ts";
import type { ErasedRecord } from "./store/messages.ts";

export function isErased(row: EventRecord): boolean {
  return row.body !== null && row.content_hash !== null;
}

/** Within the commit of the deletion. @param atOnce a file that nothing else refers to has no grace @returns the seqs whose content is gone */
export function commitErasure(store: ConversationStore, place: Place, target: EventRecord, deletedSeq: number, atOnce = false): number[] {
  const rows = [target, ...store.messages.readEdits(target.seq)];
  const answered = target.type === "msg" ? (target.target_seq ?? null) : null;
  store.messages.commitErased(target.seq, deletedSeq, rows.map((row): ErasedRecord => ({
    seq: row.seq,
    body: JSON.stringify(remains(store, row)),
    content_hash: row.content_hash ?? Uint8Array.from(Buffer.from(contentHash(place, row), "hex")),
  })));
  if (answered !== null) store.messages.commitReply(answered, -1);
  if (target.type === "msg" && target.client_msg_id !== null) store.media.commitLetGo(target.seq, target.sender_id, target.client_msg_id, atOnce);
  return rows.map((row) => row.seq);
}

/** From the row's columns alone: its body may be pruned. */
function remains(store: ConversationStore, row: EventRecord): object {
  const target_seq = row.target_seq ?? null;
  const target_msg_id = target_seq === null ? null : store.readMsgId(target_seq);
  if (row.type === "msg") return leftOfMessage(row.content_type as ContentType, target_msg_id ?? undefined);
  if (target_seq === null || target_msg_id === null) throw new Error(`event ${row.seq} is about nothing`);
  return (row.type === "edit" ? leftOfEdit : leftOfReaction)({ target_msg_id, target_seq });
}

/** The deletion that took an erased event's content. */
export function erasedBy(store: ConversationStore, row: EventRecord): string {
  const deletedSeq = store.messages.readChange(row.type === "edit" ? (row.target_seq as number) : row.seq)?.deleted_seq ?? null;
  const msgId = deletedSeq === null ? null : store.readMsgId(deletedSeq);
  if (msgId === null && deletedSeq !== null) throw new Error(`event ${row.seq} is erased by one that is not there`);
  // Restored from an archive in which its sender was erased: no deletion stands for that here until they are erased again.
  return msgId ?? row.msg_id;
}

/** What is left of each event that a deletion erased. */
export function remainsOf(store: ConversationStore, deletion: EventRecord): { msg_id: string; body: Record<string, unknown> }[] {
  const target = store.readEvent(deletion.target_seq as number);
  if (target === null) return [];
  return [target, ...store.messages.readEdits(target.seq)].map((row) => ({ msg_id: row.msg_id, body: JSON.parse(row.body as string) as Record<string, unknown> }));
}
