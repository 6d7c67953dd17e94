// Cursors of search: a place in somebody's own hits. Opaque, and noticed when altered or taken from another query; a forged one
// would only show the user what they may see anyway, from elsewhere.
import { sha256Hex } from "../durable-objects/platform/hash.ts";
import type { SearchQuery } from "../protocol/rest/search.ts";
import type { SearchPosition, WindowPosition } from "../protocol/rpc/search.ts";

export interface ConversationCursor extends SearchPosition {
  epoch: number;
}

/** Over all conversations: in which run of them, and where in it. */
export interface WideCursor {
  after: WindowPosition | null;
  /** ms: when the first page was asked for. */
  began_at: number;
  position: SearchPosition | null;
}

/** What a cursor belongs to. @param scope the conversation, or "" for all */
export function filterOf(userId: string, scope: string, { q, order, sender, from, to }: SearchQuery): string {
  return JSON.stringify([userId, scope, q, order, sender ?? null, from ?? null, to ?? null]);
}

export function sealCursor(filter: string, { epoch, tier, msg_id }: ConversationCursor): string {
  return sealed(filter, [epoch, tier, msg_id]);
}

export function openCursor(filter: string, cursor: string): ConversationCursor | null {
  const [epoch, tier, msg_id = ""] = cursor.split("~");
  const position = { epoch: Number(epoch), tier: Number(tier), msg_id };
  return cursor === sealCursor(filter, position) ? position : null;
}

export function sealWideCursor(filter: string, { after, began_at, position }: WideCursor): string {
  return sealed(filter, [after?.last_at ?? "", after?.conversation_id ?? "", began_at, position?.tier ?? "", position?.msg_id ?? ""]);
}

export function openWideCursor(filter: string, cursor: string): WideCursor | null {
  const [last_at = "", conversation_id = "", began_at, tier = "", msg_id = ""] = cursor.split("~");
  const place = {
    after: last_at === "" ? null : { last_at: Number(last_at), conversation_id },
    began_at: Number(began_at),
    position: tier === "" ? null : { tier: Number(tier), msg_id },
  };
  return cursor === sealWideCursor(filter, place) ? place : null;
}

/** Compared as a whole when it comes back: a number has more than one spelling. */
function sealed(filter: string, parts: readonly (string | number)[]): string {
  const text = parts.join("~");
  return `${text}~${sha256Hex(`${filter.length}:${filter}:${text}`).slice(0, 16)}`;
}
