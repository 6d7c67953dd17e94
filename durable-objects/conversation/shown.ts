// Messages as they now are: what changes have made of each is laid over what was sent.
import type { Event, Reaction, Shown } from "../../protocol/events.ts";
import { REACTION_USERS } from "../../protocol/limits.ts";
import type { HistoryReply, PrunedEvent } from "../../protocol/rpc.ts";
import { sentAtOf } from "../../protocol/msg-id.ts";
import { toHex } from "../platform/hash.ts";
import { eventJson, isHidden, type Place, skipFrame, toEvent } from "./encode.ts";
import type { ShownRecord } from "./records.ts";
import type { ConversationStore } from "./store.ts";
import { HeldMediaStore } from "./store/held-media.ts";
import type { ReactionRecord } from "./store/messages.ts";

type Given = HistoryReply["events"][number];
type Edit = Extract<Event, { type: "edit" }>;

interface Changed {
  shown: Shown;
  /** The edit whose content the message has now. */
  edit: ShownRecord | null;
}

/** Until when files stay, ms after their message. */
export interface FilesKept {
  ms: number;
  now: number;
}

/** An event as a reader is given it. What nothing was laid over is the JSON that its row has. */
type Laid = { json: string } | { event: Given };

/**
 * @param visibleFrom the first seq that the reader sees: of a change of something before it only the place is given
 * @param kept null: nobody is told which files are past their time
 */
export function showEvents(store: ConversationStore, place: Place, rows: readonly ShownRecord[], visibleFrom: number, kept: FilesKept | null = null): Given[] {
  return layEvents(store, place, rows, visibleFrom, kept).map((laid) => ("json" in laid ? (JSON.parse(laid.json) as Event) : laid.event));
}

/** The same, each as its JSON. Null where a body is in the archive. */
export function showTexts(store: ConversationStore, place: Place, rows: readonly ShownRecord[], visibleFrom: number, kept: FilesKept | null): string[] | null {
  if (rows.some((row) => row.body === null)) return null;
  return layEvents(store, place, rows, visibleFrom, kept).map((laid) => ("json" in laid ? laid.json : JSON.stringify(laid.event)));
}

function layEvents(store: ConversationStore, place: Place, rows: readonly ShownRecord[], visibleFrom: number, kept: FilesKept | null): Laid[] {
  const messages = rows.filter((row) => row.type === "msg");
  const changed = readChanged(store, messages.map((row) => row.seq));
  for (const seq of kept === null ? [] : withoutFile(store, messages, kept)) {
    const { shown = {}, edit = null } = changed.get(seq) ?? {};
    changed.set(seq, { edit, shown: { ...shown, media_expired: true } });
  }
  return rows.map((row) => {
    if (isHidden(row, visibleFrom)) return { event: skipFrame(place, row.seq) };
    const change = changed.get(row.seq);
    if (change !== undefined) return { event: asChanged(place, row, change) };
    return row.body === null ? { event: pruned(place, row) } : { json: eventJson(place, row) };
  });
}

/** Messages whose files are past their time, and not held. What is younger than that is not looked up. */
function withoutFile(store: ConversationStore, messages: readonly ShownRecord[], { ms, now }: FilesKept): number[] {
  const old = messages.filter((row) => sentAtOf(row.msg_id) + ms < now).map((row) => row.seq);
  if (old.length === 0) return [];
  return [...new HeldMediaStore(store.sql).readFiles(old)].filter(([, file]) => !file.held).map(([seq]) => seq);
}

/** Without what has become of it. */
export function asSent(place: Place, row: ShownRecord): Event | PrunedEvent {
  return row.body === null ? pruned(place, row) : toEvent(place, row);
}

function asChanged(place: Place, row: ShownRecord, { shown, edit }: Changed): Given {
  if (row.body !== null) return layOver(toEvent(place, row), shown, edit === null ? null : (toEvent(place, edit) as Edit));
  return { ...pruned(place, row), shown, ...(edit === null ? {} : { edit: asSent(place, edit) as Edit | PrunedEvent }) };
}

/** The message with its newest content, and what else became of it. */
export function layOver(event: Event, shown: Shown, edit: Edit | null): Event {
  if (event.type !== "msg") return event;
  const content = edit === null ? {} : { content: edit.content, ...(edit.mentions === undefined ? {} : { mentions: edit.mentions }) };
  return { ...event, ...content, ...shown };
}

function pruned(place: Place, row: ShownRecord): PrunedEvent {
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
