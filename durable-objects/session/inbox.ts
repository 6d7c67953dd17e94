// The user's conversations: settles move their rows, and so do the user's own acts, which all of the user's devices hear of.
import { mergeLast } from "../../domain/inbox.ts";
import type { ConversationRow } from "../../protocol/frames/inbox.ts";
import { CHANGES_MAX } from "../../protocol/limits.ts";
import type { ChangedConversations, ConversationList, InboxPatch } from "../../protocol/rest/inbox.ts";
import { decideTrust } from "../../domain/restore.ts";
import type { KnownHead } from "../../protocol/restore-calls.ts";
import type { PeekCall } from "../../protocol/rpc/inbox.ts";
import type { DeliverCall, Result } from "../../protocol/rpc.ts";
import { errorFields, log } from "../../log/log.ts";
import type { SessionCore } from "./core.ts";
import { settledRow, toRow } from "./inbox-row.ts";
import { type ListCall, listConversations } from "./list.ts";
import type { Pushes } from "./pushes.ts";
import type { InboxRecord } from "./store.ts";

/** A conversation that was settled this long after the time it takes to settle may have gone on since. */
const BUSY_MS = 10_000;
/** Conversations that write no inboxes are asked at most this often, the newest of them, so many at once. */
const CATCH_UP_MS = 1_000;
const CATCH_UP_ROWS = 200;
const WIDTH = 10;

export class Inbox {
  private readonly core: SessionCore;
  private caughtUpAt = 0;
  /** The newest messages of conversations that write to nobody's inbox. In memory: nobody is told when one of them is deleted. */
  private readonly lately = new Map<string, InboxRecord["last_message"]>();
  private readonly untold = new Set<string>();
  private readonly pushes: Pushes;

  constructor(core: SessionCore, pushes: Pushes) {
    this.core = core;
    this.pushes = pushes;
  }

  /**
   * Moves the row of a conversation, where the settle brings anything.
   * @returns what the row has, where that is more than the settle speaks of: the conversation has lost some of it
   */
  settle(call: DeliverCall, now: number): KnownHead | null {
    const { core } = this;
    core.register(core.userId);
    const before = core.store.readInbox(call.conversation_id);
    if (before !== null && decideTrust({ epoch: call.epoch, seq: call.head_seq }, { epoch: before.epoch, seq: before.settled_seq }) === "rolled_back") {
      return { epoch: before.epoch, seq: before.settled_seq };
    }
    if (before !== null && call.epoch > before.epoch) this.restored(call);
    const row = settledRow(before === null ? null : this.whole(before), call, core.userId, core.userSeq, now);
    if (row === null) return null;
    const kept = keptLast(row);
    if (typeof before?.last_message?.preview === "string" && (kept === null || kept.deleted === true)) core.store.commitPreviewGone(call.conversation_id);
    this.commit(row, this.pushes.decide(before, row, call, now));
    return null;
  }

  /** What was heard and pushed of an older epoch says nothing about this one. */
  private restored({ conversation_id, head_seq, head_msg_no, head_at, restored }: DeliverCall): void {
    const { core } = this;
    core.heads.forget(conversation_id);
    core.heads.heard(conversation_id, { head_seq, head_msg_no, last_at: head_at });
    core.store.commitPushedBack(conversation_id, restored?.seq ?? 0);
    this.lately.delete(conversation_id);
  }

  /**
   * The user has read a conversation up to here, on whatever device.
   * @param upTo `settles`: the settle that is still to come brings it to the row, with the commit that it makes anyway
   * @param readers the devices that have read it, and need not be told before there is a commit
   */
  read(conversationId: string, upTo: { read_seq: number; read_msg_no: number; settles: boolean }, readers: ReadonlySet<string>): void {
    const { read_seq, read_msg_no } = upTo;
    if (upTo.settles && this.core.devices.only(readers)) return;
    const row = this.core.store.readInbox(conversationId);
    if (row === null || read_seq <= row.read_seq) return;
    const read = { ...this.whole(row), read_seq, read_msg_no, mentions: row.mentions.filter((seq) => seq > read_seq) };
    if (upTo.settles) this.core.devices.send([{ type: "inbox", user_seq: this.core.userSeq, conversation: this.shown(read) }], readers);
    else this.own(read);
  }

  async patch(conversationId: string, patch: InboxPatch): Promise<Result<{ conversation: ConversationRow }>> {
    // A settle that is still to come would take the messages before it for new ones, and bring the conversation back.
    if (patch.archived === true && !(await this.settleNow(conversationId, Date.now()))) return { ok: false, code: "unavailable", retry_after_ms: 1_000 };
    const row = this.core.store.readInbox(conversationId);
    if (row === null || row.left_at !== null) return { ok: false, code: "not_found" };
    const changed = { ...this.whole(row), muted: patch.muted ?? row.muted, archived: patch.archived ?? row.archived };
    const same = changed.muted === row.muted && changed.archived === row.archived;
    return { ok: true, conversation: same ? this.shown(row) : this.own(changed) };
  }

  changes(since: number): ChangedConversations {
    const rows = this.core.store.readInboxSince(since, CHANGES_MAX + 1);
    const given = rows.slice(0, CHANGES_MAX);
    const more = rows.length > given.length;
    return { conversations: given.map((row) => this.shown(row)), user_seq: more ? (given.at(-1) as InboxRecord).user_seq : this.core.userSeq, more };
  }

  async list(call: ListCall): Promise<Result<{ list: ConversationList }>> {
    // Pages go by the rows: what they were not told of must not be out of place.
    if (call.cursor === null) await this.catchUp(Date.now());
    return listConversations(this.core.store, this.core.userId, call, (rows) => Promise.all(rows.map((row) => this.fresh(row, Date.now()))));
  }

  /** Conversations that write to nobody's inbox are asked how far they are, and their rows moved. */
  async catchUp(now: number): Promise<void> {
    if (Math.abs(now - this.caughtUpAt) < CATCH_UP_MS) return;
    this.caughtUpAt = now;
    await this.ask(this.core.store.readUnwritten(CATCH_UP_ROWS), now);
  }

  /** One of them has told of something that its row does not have. */
  told(conversationId: string): void {
    this.untold.add(conversationId);
  }

  /** The same for those that have told of something since. */
  async catchUpTold(now: number): Promise<void> {
    if (this.untold.size === 0) return;
    const rows = [...this.untold].map((conversationId) => this.core.store.readInbox(conversationId)).filter((row) => row !== null);
    this.untold.clear();
    await this.ask(rows, now);
    for (const { conversation_id } of rows) {
      const row = this.core.store.readInbox(conversation_id);
      // It could not be asked: with the next poll again.
      if (row !== null && this.core.heads.over(row) !== row) this.told(conversation_id);
    }
  }

  private async ask(rows: readonly InboxRecord[], now: number): Promise<void> {
    for (let start = 0; start < rows.length; start += WIDTH) {
      await Promise.all(rows.slice(start, start + WIDTH).map((row) => this.fresh(row, now)));
    }
  }

  /** Moves a row to where its conversation is by now, as the settle to come would. False where it could not be asked. */
  private async settleNow(conversationId: string, now: number): Promise<boolean> {
    const { core } = this;
    const row = core.store.readInbox(conversationId);
    if (row === null || row.left_at !== null || this.isSettled(row, now)) return true;
    try {
      const reply = await core.through(conversationId, (stub) => stub.peek(peekOf(core.userId, row)));
      const known = core.store.readInbox(conversationId);
      if (!reply.ok || known === null) return true;
      const moved = settledRow(this.whole(known), reply.settled, core.userId, core.userSeq, now);
      if (moved !== null) this.commit(moved, this.pushes.decide(known, moved, { ...reply.settled, events: null }, now));
      return true;
    } catch (error) {
      log("warn", "peek_failed", { user_id: core.userId, conversation_id: conversationId, ...errorFields(error) });
      return false;
    }
  }

  private isSettled(row: InboxRecord, now: number): boolean {
    return row.mode === "write" && row.settled_at < now - this.core.settings.settle_after_ms - BUSY_MS && this.core.heads.over(row) === row;
  }

  /** A row as it is by now. Only a conversation that may be busy is asked. */
  private async fresh(row: InboxRecord, now: number): Promise<InboxRecord> {
    const { core } = this;
    if (this.isSettled(row, now)) return row;
    const heard = core.heads.over(this.whole(row));
    try {
      const reply = await core.through(row.conversation_id, (stub) => stub.peek(peekOf(core.userId, row)));
      if (!reply.ok) return heard;
      if (row.mode === "write") return settledRow(row, reply.settled, core.userId, row.user_seq - 1, row.settled_at) ?? heard;
      // A settle, or the user, may have moved it while the answer was under way.
      const known = this.whole(core.store.readInbox(row.conversation_id) ?? row);
      const moved = settledRow(known, reply.settled, core.userId, core.userSeq, now);
      if (moved !== null) this.commit(moved, this.pushes.decide(known, moved, null, now));
      else this.remember({ ...known, last_message: mergeLast(known.last_message, reply.settled.last) });
      return moved ?? core.heads.over(this.whole(known));
    } catch (error) {
      log("warn", "peek_failed", { user_id: core.userId, conversation_id: row.conversation_id, ...errorFields(error) });
      return heard;
    }
  }

  /** Something that the user did themselves: their other devices can't know. */
  private own(row: InboxRecord): ConversationRow {
    const changed = { ...row, user_seq: this.core.userSeq + 1 };
    this.commit(changed, this.pushes.decide(row, changed, null, Date.now()));
    const conversation = this.shown(changed);
    this.core.devices.send([{ type: "inbox", user_seq: changed.user_seq, conversation }]);
    return conversation;
  }

  private commit(row: InboxRecord, push: (() => void) | null): void {
    const { store } = this.core;
    const kept = { ...row, last_message: keptLast(row) };
    if (push === null) store.commitInbox(kept);
    else {
      store.sql.transaction(() => {
        store.commitInbox(kept);
        push();
      });
    }
    this.remember(row);
    this.core.userSeq = row.user_seq;
    this.core.devices.moved();
  }

  private remember(row: InboxRecord): void {
    this.lately.delete(row.conversation_id);
    if (row.mode !== "write") this.lately.set(row.conversation_id, row.last_message);
    const oldest = this.lately.keys().next().value;
    if (this.lately.size > CATCH_UP_ROWS && oldest !== undefined) this.lately.delete(oldest);
  }

  /** A row with what of it is in memory alone. */
  private whole(row: InboxRecord): InboxRecord {
    return row.mode === "write" ? row : { ...row, last_message: this.lately.get(row.conversation_id) ?? null };
  }

  private shown(row: InboxRecord): ConversationRow {
    return toRow(this.core.heads.over(this.whole(row)));
  }
}

function peekOf(user_id: string, { conversation_id, epoch, settled_seq }: InboxRecord): PeekCall {
  return { user_id, settled_seq, conversation_id, known: { epoch, seq: settled_seq } };
}

/** What of the newest message goes into the row: nothing where no settle would say that it was deleted. */
function keptLast(row: InboxRecord): InboxRecord["last_message"] {
  return row.mode === "write" ? row.last_message : null;
}
