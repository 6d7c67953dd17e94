// What of a run of events is to be found: each message as it now is, once. A message that was edited stands where its newest
// edit is, so that an index that goes through the events once has every message in its last words.
import type { EventRecord } from "../records.ts";
import type { ConversationStore } from "../store.ts";

/** A message and its content, by the message's own seq. */
export interface Document {
  seq: number;
  /** The event that its content is from. */
  event_seq: number;
  sender_id: string;
  content: string;
}

export interface Documents {
  docs: Document[];
  /** Messages of which an index from before these events has older words. */
  changed: number[];
  /** Those of them that are deleted. */
  deleted: number[];
}

/** @param rows a run of events, ascending; of bodies that are pruned nothing is known */
export function documentsOf(store: ConversationStore, rows: readonly EventRecord[]): Documents {
  const targets = rows.flatMap((row) => ((row.type === "edit" || row.type === "delete") && typeof row.target_seq === "number" ? [row.target_seq] : []));
  const changes = store.messages.readChanges([...rows.flatMap((row) => (row.type === "msg" ? [row.seq] : [])), ...targets]);
  const docs = rows.flatMap((row): Document[] => {
    const seq = row.type === "msg" ? row.seq : row.type === "edit" ? row.target_seq : null;
    if (typeof seq !== "number" || row.body === null) return [];
    const { edited_seq = null, deleted_seq = null } = changes.get(seq) ?? {};
    if (deleted_seq !== null || (edited_seq ?? seq) !== row.seq) return [];
    return [{ seq, event_seq: row.seq, sender_id: row.sender_id, content: (JSON.parse(row.body) as { content: string }).content }];
  });
  const changed = [...new Set(targets)];
  return { docs, changed, deleted: changed.filter((seq) => typeof changes.get(seq)?.deleted_seq === "number") };
}
