// The files that messages carry: who may have one, which messages still carry it, and telling its Blob of those that don't.
import { type Stay, visibleRange } from "../../domain/membership.ts";
import { sentAtOf } from "../../protocol/msg-id.ts";
import type { Result } from "../../protocol/rpc.ts";
import type { BlobCalls, StandsCall } from "../../protocol/rpc/media.ts";
import type { Task } from "../platform/tasks.ts";
import type { ConversationState } from "./state.ts";
import type { ConversationStore } from "./store.ts";

/** Releases of one call. */
const RELEASED = 100;

/** By the newest message with it that the member sees: as long as that one keeps its file. */
export function mayDownload(
  store: ConversationStore, state: ConversationState, stay: Stay, mediaKey: string, kept: { ms: number; now: number },
): Result<{ msg_id: string }> {
  const { from, to } = visibleRange(stay, state.record.history);
  const seq = store.media.readNewest(mediaKey, from, Math.min(to, state.head.seq));
  const msg_id = seq === null ? null : store.readMsgId(seq);
  if (msg_id === null) return { ok: false, code: "not_found" };
  return sentAtOf(msg_id) + kept.ms < kept.now ? { ok: false, code: "media_expired" } : { ok: true, msg_id };
}

export function mediaStands(store: ConversationStore, { media_key, references }: StandsCall): boolean[] {
  return references.map(({ sender_id, client_msg_id }) => {
    const held = store.readKeys(sender_id, [client_msg_id]).get(client_msg_id);
    return held !== undefined && store.media.readKey(held.seq) === media_key;
  });
}

export function releaseTask(
  store: ConversationStore, { record }: ConversationState, release: (mediaKey: string, call: Parameters<BlobCalls["release"]>[0]) => Promise<void>,
): Task {
  const { conversation_id } = record;
  return {
    name: "release_media",
    dueAt: (now) => (store.media.hasReleases() ? now : null),
    run: async () => {
      const releases = store.media.readReleases(RELEASED);
      if (releases.length === 0) store.media.commitReleased([]);
      const told = await Promise.allSettled([...Map.groupBy(releases, ({ media_key }) => media_key)].map(async ([key, rows]) => {
        await release(key, { key, references: rows.map(({ sender_id, client_msg_id }) => ({ conversation_id, sender_id, client_msg_id })) });
        store.media.commitReleased(rows);
      }));
      // The others are told: one that does not answer holds up nobody.
      const failed = told.find((outcome) => outcome.status === "rejected");
      if (failed !== undefined) throw failed.reason;
    },
  };
}
