// Messages as they now are: what changes have made of each is laid over what was sent.
import type { Event, Reaction, Shown } from "../../protocol/events.ts";
import { REACTION_USERS } from "../../protocol/limits.ts";
import type { HistoryReply, PrunedEvent } from "../../protocol/rpc.ts";
import { sentAtOf } from "../../protocol/msg-id.ts";
import { toHex } from "../platform/hash.ts";
import { isHidden, type Place, skipFrame, toEvent } from "./encode.ts";
import type { EventRecord } from "./records.ts";
import type { ConversationStore } from "./store.ts";
import type { ReactionRecord } from "./store/messages.ts";

type Given = HistoryReply["events"][number];
type Edit = Extract<Event, { type: "edit" }>;

interface Changed {
  shown: Shown;
  /** The edit whose content the message has now. */
  edit: EventRecord | null;
}

/** @param visibleFrom the first seq that the reader sees: of a change of something before it only the place is given */
export function showEvents(store: ConversationStore, place: Place, rows: readonly EventRecord[], visibleFrom: number): Given[] {
  const changed = readChanged(store, rows.filter((row) => row.type === "msg").map((row) => row.seq));
  return rows.map((row) => {
    if (isHidden(row, visibleFrom)) return skipFrame(place, row.seq);
    const change = changed.get(row.seq);
    return change === undefined ? asSent(place, row) : asChanged(place, row, change);
  });
}

/** Without what has become of it. */
export function asSent(place: Place, row: EventRecord): Event | PrunedEvent {
  return row.body === null ? pruned(place, row) : toEvent(place, row);
}

function asChanged(place: Place, row: EventRecord, { shown, edit }: Changed): Given {
  if (row.body !== null) return layOver(toEvent(place, row), shown, edit === null ? null : (toEvent(place, edit) as Edit));
  return { ...pruned(place, row), shown, ...(edit === null ? {} : { edit: asSent(place, edit) as Edit | PrunedEvent }) };
}

/** The message with its newest content, and what else became of it. */
export function layOver(event: Event, shown: Shown, edit: Edit | null): Event {
  if (event.type !== "msg") return event;
  const content = edit === null ? {} : { content: edit.content, ...(edit.mentions === undefined ? {} : { mentions: edit.mentions }) };
  return { ...event, ...content, ...shown };
}

function pruned(place: Place, row: EventRecord): PrunedEvent {
  return {
    type: "pruned", conversation_id: place.conversation_id, epoch: place.epoch, seq: row.seq, msg_id: row.msg_id,
    sender_id: row.sender_id, content_hash: toHex(row.content_hash as Uint8Array),
  };
}

function readChanged(store: ConversationStore, seqs: readonly number[]): Map<number, Changed> {
  const { messages } = store;
  const changes = messages.readChanges(seqs);
  const reactions = Map.groupBy(messages.readReactions(seqs), (reaction) => reaction.target_seq);
  const edits = messages.readSeqs([...changes.values()].flatMap(({ edited_seq, deleted_seq }) => (edited_seq === null || deleted_seq !== null ? [] : [edited_seq])));
  const touched = seqs.filter((seq) => changes.has(seq) || reactions.has(seq));
  return new Map(touched.map((seq) => {
    const { edited_seq = null, deleted_seq = null, replies = 0 } = changes.get(seq) ?? {};
    const edit = edited_seq === null ? null : (edits.get(edited_seq) ?? null);
    const deletedId = deleted_seq === null ? null : store.readMsgId(deleted_seq);
    return [seq, {
      edit,
      shown: {
        ...(edit === null ? {} : { edited_at: sentAtOf(edit.msg_id) }),
        ...(deletedId === null ? {} : { deleted_at: sentAtOf(deletedId) }),
        ...(reactions.has(seq) ? { reactions: summed(reactions.get(seq) ?? []) } : {}),
        ...(replies === 0 ? {} : { replies }),
      },
    }];
  }));
}

function summed(reactions: readonly ReactionRecord[]): Reaction[] {
  return [...Map.groupBy(reactions, (reaction) => reaction.emoji)]
    .map(([emoji, group]) => ({ emoji, count: group.length, users: group.slice(0, REACTION_USERS).map((reaction) => reaction.user_id) }));
}
