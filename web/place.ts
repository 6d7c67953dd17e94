// Which conversation is open, as the part of the address behind `#`: a reload opens it again.
import type { ConfabClient, ConversationRow, Target } from "../client/client.ts";

/** A direct conversation is named by the other person: it can be open before its first message makes it. */
export type Place = { kind: "direct"; peer: string } | { kind: "group"; conversation_id: string };

export function readPlace(hash: string): Place | null {
  const [, kind, id] = /^#\/(with|group)\/(.+)$/.exec(hash) ?? [];
  if (id === undefined) return null;
  try {
    const named = decodeURIComponent(id);
    return kind === "with" ? { kind: "direct", peer: named } : { kind: "group", conversation_id: named };
  } catch {
    return null;
  }
}

export function hashOf(place: Place): string {
  return place.kind === "direct" ? `#/with/${encodeURIComponent(place.peer)}` : `#/group/${encodeURIComponent(place.conversation_id)}`;
}

export function placeOf(row: ConversationRow): Place {
  return row.kind === "direct" && row.peer_id !== null ? { kind: "direct", peer: row.peer_id } : { kind: "group", conversation_id: row.conversation_id };
}

/** null only while it is unknown who is signed in. */
export function conversationOf(client: ConfabClient, place: Place): string | null {
  return place.kind === "direct" ? client.directId(place.peer) : place.conversation_id;
}

export function targetOf(place: Place): Target {
  return place.kind === "direct" ? { to: place.peer } : { conversation_id: place.conversation_id };
}

export function titleOf(row: ConversationRow | undefined, place: Place, me: string | null): string {
  if (place.kind === "direct") return place.peer === me ? `${place.peer} (you)` : place.peer;
  return row?.title ?? "Group";
}
