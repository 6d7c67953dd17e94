// Everything that one person wrote in a conversation goes, part by part: each message and each reaction by a deletion in nobody's
// name, as the operator's own deletions are. Their place, and who wrote there, stays.
import { leftOfReaction } from "../../domain/erasure.ts";
import { SERVICE_ID } from "../../protocol/ids.ts";
import type { EraseConversationCall, ErasedConversation, ErasedSender, EraseSenderCall } from "../../protocol/rpc/erasure.ts";
import { scrubObject } from "../platform/scrub.ts";
import type { ChangePorts } from "./changes.ts";
import { commitErasure } from "./erasure.ts";
import { removeMember } from "./members.ts";
import type { Opened } from "./opened.ts";
import type { EventRecord, NewEvent } from "./records.ts";
import { type ConversationState, EventDraft } from "./state.ts";
import type { ConversationStore } from "./store.ts";
import { SenderStore } from "./store/by-sender.ts";

/** Deletions of one call, and events that it looks at: other calls wait meanwhile. */
const ERASED = 100;
const SCANNED = 10_000;

/** Pages that pruning may have freed and nothing has used since. */
const PRUNED_BYTES = 8 * 1024 * 1024;

/** `gone`: seqs whose content is gone. */
export interface EraseRun {
  events: NewEvent[];
  gone: number[];
  erased: Omit<ErasedSender, "unput" | "unreleased">;
}

export async function eraseStep(
  ctx: Parameters<typeof scrubObject>[0], store: ConversationStore, opened: Opened, ports: ChangePorts, call: EraseConversationCall,
): Promise<ErasedConversation> {
  const { state, sealing, fanout, tasks, indexing } = opened;
  switch (call.step) {
    case "sender": {
      const { events, gone, erased } = eraseSender(store, state, call, ports, Date.now());
      if (gone.length > 0) fanout.forget(gone);
      if (events.length > 0) fanout.committed(events, null, erased.left);
      return { erased: { ...erased, unput: sealing.unput, unreleased: store.media.countReleases() } };
    }
    case "put_again": {
      const segments = sealing.putAllAgain();
      tasks.arm(Date.now());
      return { segments };
    }
    case "people":
      return { users: new SenderStore(store.sql).readEverybody() };
    case "scrub":
      // The words of what is gone lie in the index's own pages until these are merged.
      await indexing.tidy();
      return { scrubbed: await scrubObject(ctx, store.sql, PRUNED_BYTES, store.search) };
  }
}

export function eraseSender(store: ConversationStore, state: ConversationState, call: EraseSenderCall, ports: ChangePorts, now: number): EraseRun {
  const senders = new SenderStore(store.sql);
  const left = state.record.kind === "group" && state.members.has(call.user_id);
  const to = Math.min(state.head.seq, call.after + SCANNED);
  const rows = senders.readUnerased(call.user_id, call.after, to, ERASED);
  const next = rows.length === ERASED ? (rows.at(-1) as EventRecord).seq : to < state.head.seq ? to : null;
  const messages = rows.filter((row) => row.type === "msg").length;
  const counts = { messages, reactions: rows.length - messages, left, next };
  if (call.dry_run) return { events: [], gone: [], erased: counts };
  // They are out before it begins: nothing is appended behind what is erased.
  const gone = left ? removeMember(store, state, { actor_id: null, user_id: call.user_id }, now) : null;
  if (gone?.ok === false) throw new Error(`the service may not remove a member: ${gone.code}`);
  const run = rows.length === 0 ? { events: [], gone: [] } : store.sql.transaction(() => new Run(store, senders, state, now).commit(rows, call.user_id, ports));
  return { ...run, events: [...(gone?.events ?? []), ...run.events], erased: counts };
}

class Run {
  private readonly store: ConversationStore;
  private readonly senders: SenderStore;
  private readonly state: ConversationState;
  private readonly draft: EventDraft;

  constructor(store: ConversationStore, senders: SenderStore, state: ConversationState, now: number) {
    this.store = store;
    this.senders = senders;
    this.state = state;
    this.draft = new EventDraft(state.head, now);
  }

  commit(rows: readonly EventRecord[], userId: string, ports: ChangePorts): Omit<EraseRun, "erased"> {
    const { store, draft, state } = this;
    const taken = rows.map((row) => (row.type === "react" ? this.takeBack(row, userId) : null)).filter((event) => event !== null);
    const deletions = rows.map((row) => ({
      row,
      event: draft.add("delete", { target_msg_id: row.msg_id, target_seq: row.seq }, { sender_id: SERVICE_ID, client_msg_id: null, device_id: null, content_type: null, target_seq: row.seq }),
    }));
    store.commitEvents(draft.events);
    for (const event of taken) this.senders.commitNothingLeft(event.seq);
    const erased = deletions.flatMap(({ row, event }) => commitErasure(store, state.record, row, event.seq, true));
    // Once for all of them: each segment that holds some is encoded anew.
    ports.erased(erased);
    state.advance(draft.events);
    return { events: draft.events, gone: erased };
  }

  /** Who has the message before them is told that this user's reactions to it are gone, all at once and without their names. */
  private takeBack(row: EventRecord, userId: string): NewEvent | null {
    const target_seq = row.target_seq as number;
    if (!this.senders.commitUnreacted(target_seq, userId)) return null;
    const body = leftOfReaction({ target_msg_id: this.store.readMsgId(target_seq) as string, target_seq });
    return this.draft.add("react", body, { sender_id: userId, client_msg_id: null, device_id: null, content_type: null, target_seq });
  }
}
