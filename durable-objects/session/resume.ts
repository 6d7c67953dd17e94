// A device comes back: at most RESUME_EVENTS events are pushed, and for the rest it is told where the heads are.
import { errorFrame } from "../../protocol/codec-json.ts";
import type { DownFrame } from "../../protocol/frames/down.ts";
import type { Cursor, Head, ResumeFrame } from "../../protocol/frames/sync.ts";
import { RESUME_CURSORS, RESUME_EVENTS } from "../../protocol/limits.ts";
import type { ConversationCalls } from "../../protocol/rpc.ts";
import type { Run } from "./device.ts";
import type { InboxRecord, SessionStore } from "./store.ts";

/** Conversations asked at once. */
const WIDTH = 10;
/** Conversations with nothing new that are asked what became of the user's messages: the last active, in these days. */
const ASKED = 10;
const ASKED_WITHIN_MS = 7 * 86_400_000;
/** A conversation that settled longer ago than this has nothing newer that it still tries to bring. */
const SETTLED_FOR_GOOD_MS = 120_000;

export interface ResumePorts {
  /** Never rejects: a conversation that can't be asked is `unavailable`, and the others are still told. */
  resume: (conversationId: string, cursor: Cursor, limit: number) => ReturnType<ConversationCalls["resume"]>;
  /** Has this session heard of anything newer than a row says, or is it sending something? */
  isStale(row: InboxRecord): boolean;
  write(text: string, run: Run): void;
  send(frames: DownFrame[]): void;
}

export async function resumeDevice(store: SessionStore, frame: ResumeFrame, now: number, ports: ResumePorts): Promise<void> {
  const wanted = cursorsOf(store, frame, now, ports);
  let budget = RESUME_EVENTS;
  const heads: Head[] = [];
  for (let start = 0; start < wanted.length; start += WIDTH) {
    const replies = await Promise.all(wanted.slice(start, start + WIDTH).map(async ([conversationId, cursor]) => ({
      conversationId, reply: await ports.resume(conversationId, cursor, RESUME_EVENTS),
    })));
    for (const { conversationId, reply } of replies) {
      if (!reply.ok) {
        const detail = reply.retry_after_ms === undefined ? {} : { retry_after_ms: reply.retry_after_ms };
        ports.send([errorFrame(reply.code, detail, { conversation_id: conversationId })]);
        const row = store.readInbox(conversationId);
        if (reply.code === "epoch_changed" && row !== null) heads.push({ conversation_id: conversationId, epoch: row.epoch, head_seq: row.settled_seq });
        continue;
      }
      const pushed = reply.frames.slice(0, budget);
      budget -= pushed.length;
      if (pushed.length > 0) {
        const text = pushed.length === 1 ? (pushed[0] as string) : `[${pushed.join(",")}]`;
        // Events follow one another without a hole up to the last one reached.
        const to_seq = reply.reached_seq - (reply.frames.length - pushed.length);
        ports.write(text, { conversation_id: conversationId, to_seq, events: pushed.length, bytes: text.length });
      }
      if (reply.statuses !== undefined && reply.statuses.length > 0) ports.send(reply.statuses);
      // A page of pruned events pushes nothing, and is not the end either.
      if (pushed.length < reply.frames.length || reply.reached_seq < reply.head.head_seq) heads.push(reply.head);
    }
  }
  if (heads.length > 0) ports.send([{ type: "sync_required", conversations: heads }]);
}

/** The client's own cursors win; its user_seq finds the conversations that it doesn't know. */
function cursorsOf(store: SessionStore, frame: ResumeFrame, now: number, ports: Pick<ResumePorts, "isStale">): [string, Cursor][] {
  const quiet: { row: InboxRecord; cursor: Cursor }[] = [];
  const given = Object.entries(frame.cursors).filter(([conversationId, cursor]) => {
    const row = store.readInbox(conversationId);
    const upToDate = row !== null && row.left_at === null && row.epoch === cursor.epoch && row.settled_seq === cursor.seq;
    if (!upToDate || row.mode !== "write" || row.settled_at > now - SETTLED_FOR_GOOD_MS || ports.isStale(row)) return true;
    if (row.last_at > now - ASKED_WITHIN_MS) quiet.push({ row, cursor });
    return false;
  });
  const asked = quiet.toSorted((a, b) => b.row.last_at - a.row.last_at).slice(0, ASKED).map(({ row, cursor }): [string, Cursor] => [row.conversation_id, cursor]);
  const unknown = store.readInboxSince(frame.user_seq ?? Number.MAX_SAFE_INTEGER, RESUME_CURSORS)
    .filter((row) => row.left_at === null && !Object.hasOwn(frame.cursors, row.conversation_id))
    .map((row): [string, Cursor] => [row.conversation_id, { epoch: row.epoch, seq: 0 }]);
  return [...given, ...unknown, ...asked];
}
