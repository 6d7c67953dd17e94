// SQL of the keys of creations.
import type { Sql } from "../../platform/sql.ts";

/** The conversation that a key stands for: the first one that it was given for. */
export function claimCreation(sql: Sql, clientMsgId: string, conversationId: string): string {
  const known = sql.all("SELECT conversation_id FROM creations WHERE client_msg_id = ?", clientMsgId)[0];
  if (known !== undefined) return known["conversation_id"] as string;
  sql.run("INSERT INTO creations (client_msg_id, conversation_id) VALUES (?, ?)", clientMsgId, conversationId);
  return conversationId;
}
