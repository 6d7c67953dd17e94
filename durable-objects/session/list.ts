// The list of the user's conversations: pages and their cursor.
import type { ConversationList } from "../../protocol/rest/inbox.ts";
import type { Result } from "../../protocol/rpc.ts";
import { sha256Hex } from "../platform/hash.ts";
import { toRow } from "./inbox-row.ts";
import type { InboxRecord, SessionStore } from "./store.ts";

export interface ListCall {
  cursor: string | null;
  limit: number;
  /** Only those that are, or are not. */
  archived?: boolean;
}

/** @param fresh the rows as they are by now */
export async function listConversations(
  store: SessionStore, userId: string, call: ListCall, fresh: (rows: InboxRecord[]) => Promise<InboxRecord[]>,
): Promise<Result<{ list: ConversationList }>> {
  const filter = call.archived === undefined ? "" : String(call.archived);
  const before = call.cursor === null ? null : openCursor(userId, filter, call.cursor);
  if (call.cursor !== null && before === null) return { ok: false, code: "bad_cursor" };
  const rows = store.readInboxPage(before, call.limit + 1, call.archived ?? null);
  const page = rows.slice(0, call.limit);
  const last = page.at(-1);
  const shown = (await fresh(page)).toSorted((a, b) => b.last_at - a.last_at);
  return {
    ok: true,
    list: { conversations: shown.map(toRow), next_cursor: last === undefined || page.length === rows.length ? null : sealCursor(userId, filter, last) },
  };
}

function sealCursor(userId: string, filter: string, { last_at, conversation_id }: Pick<InboxRecord, "last_at" | "conversation_id">): string {
  return `${last_at}_${conversation_id}_${check(userId, filter, last_at, conversation_id)}`;
}

function openCursor(userId: string, filter: string, cursor: string): Pick<InboxRecord, "last_at" | "conversation_id"> | null {
  const [at, conversation_id = ""] = cursor.split("_");
  const position = { last_at: Number(at), conversation_id };
  // Compared as a whole: a number has more than one spelling.
  return cursor === sealCursor(userId, filter, position) ? position : null;
}

/** Notices an altered or foreign cursor; a forged one would only show the user their own list from elsewhere. */
function check(userId: string, filter: string, lastAt: number, conversationId: string): string {
  return sha256Hex(`${userId.length}:${userId}:${filter}:${lastAt}:${conversationId}`).slice(0, 16);
}
