// Files of messages that are archived while a hold is about them are held with them.
import type { MediaHold } from "../protocol/media-keeping.ts";
import type { SegmentHead } from "../protocol/segment.ts";
import type { SealedEvent } from "./plan.ts";
import type { Held } from "./rows.ts";
import type { HoldStore } from "./stores/holds.ts";

export type HoldFiles = (hold: MediaHold, held: boolean, place: Pick<SegmentHead, "conversation_id" | "from_seq" | "to_seq">) => Promise<void>;

function holdsOf(conversationId: string, { conversation, users }: Held): MediaHold[] {
  return [...(conversation ? [{ kind: "conversation" as const, id: conversationId }] : []), ...[...users].map((id) => ({ kind: "user" as const, id }))];
}

/**
 * Whoever holds or releases notes it first and goes through the messages then: asked for again behind it, one of the two has seen
 * what the other did.
 */
export async function settleFiles(
  head: Pick<SegmentHead, "conversation_id" | "from_seq" | "to_seq">, events: readonly Pick<SealedEvent, "event">[], store: Pick<HoldStore, "readHeld">, holdFiles: HoldFiles,
): Promise<void> {
  const senders = new Set(events.flatMap(({ event }) => (event.type === "msg" && event.media_key !== undefined ? [event.sender_id] : [])));
  if (senders.size === 0) return;
  const { conversation_id } = head;
  const standing = holdsOf(conversation_id, await store.readHeld(conversation_id, senders));
  if (standing.length === 0) return;
  for (const hold of standing) await holdFiles(hold, true, head);
  const still = new Set(holdsOf(conversation_id, await store.readHeld(conversation_id, senders)).map(({ kind, id }) => `${kind} ${id}`));
  for (const hold of standing) if (!still.has(`${hold.kind} ${hold.id}`)) await holdFiles(hold, false, head);
}
