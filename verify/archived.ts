// The embedded archive's own rows, as they lie in its file: read beside the archiver, and never written.
import { DatabaseSync } from "node:sqlite";
import type { Shown } from "./journal.ts";

/** One conversation's events, in the order of their ids. */
export function* archivedRows(file: string, conversationId: string): Generator<Shown> {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    const rows = database.prepare(`SELECT seq, epoch, message_id AS msg_id, type, sender_id, created_at AS sent_at, client_msg_id, msg_no, content_type, content, status
      FROM messages WHERE conversation_id = ? AND seq IS NOT NULL ORDER BY message_id`);
    for (const row of rows.iterate(conversationId)) {
      const present = Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null));
      yield { ...present, conversation_id: conversationId, ...(row["status"] === "DELETED" ? { deleted_at: 0 } : {}) } as unknown as Shown;
    }
  } finally {
    database.close();
  }
}
