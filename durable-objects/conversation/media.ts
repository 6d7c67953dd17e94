// The files that messages carry: who may have one, which messages still carry it, and telling its Blob of those that don't.
import { type Stay, visibleRange } from "../../domain/membership.ts";
import { sentAtOf } from "../../protocol/msg-id.ts";
import type { Result } from "../../protocol/rpc.ts";
import type { BlobCalls, HeldMedia, HoldMediaCall, MediaWord, StandsCall } from "../../protocol/rpc/media.ts";
import type { Task } from "../platform/tasks.ts";
import type { FilesKept } from "./shown.ts";
import type { ConversationState } from "./state.ts";
import type { ConversationStore } from "./store.ts";
import { HeldMediaStore } from "./store/held-media.ts";
import type { ReleaseRecord } from "./store/media.ts";

/** How a row says by which kind of hold it is held. */
const HELD_BY = { conversation: 1, user: 2 } as const;

/** Releases of one call. */
const RELEASED = 100;

/** By the newest message with it that the member sees: as long as that one keeps its file. */
export function mayDownload(
  store: ConversationStore, state: ConversationState, stay: Stay, mediaKey: string, kept: FilesKept,
): Result<{ msg_id: string }> {
  const { from, to } = visibleRange(stay, state.record.history);
  const seq = store.media.readNewest(mediaKey, from, Math.min(to, state.head.seq));
  const msg_id = seq === null ? null : store.readMsgId(seq);
  if (msg_id === null) return { ok: false, code: "not_found" };
  if (sentAtOf(msg_id) + kept.ms >= kept.now) return { ok: true, msg_id };
  const held = new HeldMediaStore(store.sql).readNewestHeld(mediaKey, from, Math.min(to, state.head.seq));
  return held === null ? { ok: false, code: "media_expired" } : { ok: true, msg_id: store.readMsgId(held) as string };
}

export function mediaStands(store: ConversationStore, { media_key, references }: StandsCall): boolean[] {
  return references.map(({ sender_id, client_msg_id }) => {
    const held = store.readKeys(sender_id, [client_msg_id]).get(client_msg_id);
    return held !== undefined && store.media.readKey(held.seq) === media_key;
  });
}

/** @param state `ill`: it waits to be restored, and is asked again */
export function mediaWord(store: ConversationStore, state: "there" | "absent" | "ill", call: StandsCall): MediaWord {
  if (state === "ill") throw new Error("the conversation waits to be restored");
  return state === "absent" ? { stands: call.references.map(() => false), absent: true } : { stands: mediaStands(store, call) };
}

/** An operator holds files: which messages a hold is about, and that theirs have no end. */
export function holdMedia(store: ConversationStore, call: HoldMediaCall): HeldMedia {
  const files = new HeldMediaStore(store.sql);
  if (call.step === "mark") {
    files.commitHeld(call.seqs, HELD_BY[call.hold.kind], call.held);
    return { media: [], next: null };
  }
  const { hold, after, limit } = call;
  const media = files.readCarried(after, hold.kind === "user" ? hold.id : null, limit);
  return { media, next: media.length < limit ? null : (media.at(-1)?.seq ?? null) };
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
      const told = await Promise.allSettled([...Map.groupBy(releases, ({ media_key, at_once }) => `${media_key} ${at_once}`).values()].map(async (rows) => {
        const [{ media_key: key, at_once }] = rows as [ReleaseRecord];
        const references = rows.map(({ sender_id, client_msg_id }) => ({ conversation_id, sender_id, client_msg_id }));
        await release(key, { key, references, ...(at_once === 1 ? { at_once: true } : {}) });
        store.media.commitReleased(rows);
      }));
      // The others are told: one that does not answer holds up nobody.
      const failed = told.find((outcome) => outcome.status === "rejected");
      if (failed !== undefined) throw failed.reason;
    },
  };
}
