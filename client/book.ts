// The list of conversations as this client knows it: the server's rows, and between two of them what passing events say.
import { isDirect } from "../protocol/ids.ts";
import type { ConversationRow, LastMessage } from "../protocol/frames/inbox.ts";
import { PREVIEW_UNITS } from "../protocol/limits.ts";
import type { ConversationDetail } from "../protocol/rest.ts";
import type { ChatEvent, Message } from "./timeline.ts";

export class Book {
  readonly #rows = new Map<string, ConversationRow>();
  readonly #peers = new Map<string, string>();
  readonly #handles = new Map<string, string>();

  get(conversation_id: string): ConversationRow | undefined {
    return this.#rows.get(conversation_id);
  }

  /** How `notify` names it. */
  byHandle(handle: string): ConversationRow | undefined {
    return this.#rows.get(this.#handles.get(handle) ?? "");
  }

  /** The last active first. */
  rows(): ConversationRow[] {
    return [...this.#rows.values()].toSorted((a, b) => b.last_at - a.last_at);
  }

  /** Rows as the server gave them; what has passed since is newer. */
  load(rows: readonly ConversationRow[]): void {
    for (const row of rows) {
      if (row.left === true) this.remove(row.conversation_id);
      else this.#put(merged(row, this.#rows.get(row.conversation_id)));
    }
  }

  /** A conversation whose row must be asked for: its title or its other user is not known. */
  isIncomplete(conversation_id: string): boolean {
    const row = this.#rows.get(conversation_id);
    return row === undefined || (row.kind === "direct" ? row.peer_id === null : row.title === null);
  }

  complete(detail: ConversationDetail, me: string): void {
    const { conversation_id, kind, title, epoch, head_seq, head_msg_no, created_at, members } = detail;
    const peer_id = kind === "direct" ? (members.find((member) => member.user_id !== me)?.user_id ?? me) : null;
    const known = this.#rows.get(conversation_id);
    // Events that came while this was asked are newer than the answer.
    const isOld = known !== undefined && (known.epoch > epoch || (known.epoch === epoch && known.head_seq > head_seq));
    const row = known ?? { ...bareRow(conversation_id, epoch), head_seq, head_msg_no, unread: head_msg_no, last_at: created_at };
    this.#put({ ...row, kind, title: isOld ? (known.title ?? title) : title, peer_id });
  }

  /** An own message was addressed to this user: no event says who the other one is before they write. */
  knowPeer(conversation_id: string, peer_id: string): void {
    this.#peers.set(conversation_id, peer_id);
  }

  /** This user has read up to `seq`; `unread` messages are behind it. Answers whether that changed anything. */
  readTo(conversation_id: string, seq: number, unread: number): boolean {
    const row = this.#rows.get(conversation_id);
    if (row === undefined || (seq <= row.read_seq && row.unread <= unread)) return false;
    const left = Math.min(row.unread, unread);
    this.#put({ ...row, read_seq: Math.max(row.read_seq, seq), unread: left, unread_mentions: Math.min(row.unread_mentions, left) });
    return true;
  }

  /** Something happened there, and what it was is not known yet. */
  active(conversation_id: string, at: number): void {
    const row = this.#rows.get(conversation_id);
    if (row !== undefined) this.#put({ ...row, last_at: Math.max(row.last_at, at) });
  }

  remove(conversation_id: string): void {
    this.#rows.delete(conversation_id);
  }

  event(event: ChatEvent, me: string): void {
    const row = this.#rows.get(event.conversation_id) ?? { ...bareRow(event.conversation_id, event.epoch), peer_id: this.#peers.get(event.conversation_id) ?? null };
    if (event.epoch < row.epoch) return;
    const isRestored = event.epoch > row.epoch;
    if (!isRestored && event.seq <= row.head_seq && this.#rows.has(event.conversation_id)) return;
    this.#put({ ...row, ...changesBy(event, row, me), epoch: event.epoch, head_seq: event.seq, last_at: event.sent_at });
  }

  #put(row: ConversationRow): void {
    this.#rows.set(row.conversation_id, row);
    if (row.handle !== "") this.#handles.set(row.handle, row.conversation_id);
  }
}

/** A row may count messages that it has not settled: its newest one is then older than what came here as an event. */
function newestOf(row: ConversationRow, known: ConversationRow): LastMessage | null {
  const [theirs, ours] = [row.last_message, known.last_message];
  if (row.left === true || ours === null || (theirs?.seq ?? 0) > ours.seq) return theirs;
  const hasAll = row.mode === "write" && known.head_seq >= row.head_seq;
  return hasAll || ours.seq > (theirs?.seq ?? 0) || ours.deleted === true ? ours : theirs;
}

/** The server's row, with what this client has seen or read beyond it. */
function merged(row: ConversationRow, known: ConversationRow | undefined): ConversationRow {
  if (known === undefined || known.epoch < row.epoch) return row;
  const isBehind = known.epoch > row.epoch || known.head_seq > row.head_seq;
  const { head_seq, head_msg_no, last_at, title, epoch } = isBehind ? known : row;
  const last_message = isBehind ? known.last_message : newestOf(row, known);
  const archived = row.archived && known.head_msg_no <= row.head_msg_no;
  const newer = { ...row, head_seq, head_msg_no, last_message, last_at, title, epoch, archived };
  // What was read here may still be on its way there.
  const reader = known.read_seq > row.read_seq ? known : row;
  // A row may be read further than it is settled.
  const passed = reader === row && isBehind && row.read_seq < known.head_seq ? Math.max(0, known.head_msg_no - row.head_msg_no) : 0;
  const unread = reader === known ? Math.max(0, newer.head_msg_no - (known.head_msg_no - known.unread)) : row.unread + passed;
  return { ...newer, read_seq: reader.read_seq, unread, unread_mentions: Math.min(unread, reader.unread_mentions) };
}

function changesBy(event: ChatEvent, row: ConversationRow, me: string): Partial<ConversationRow> {
  const peer_id = row.kind === "direct" && row.peer_id === null && event.sender_id !== me ? event.sender_id : row.peer_id;
  const last = row.last_message;
  switch (event.type) {
    case "created":
      return { kind: event.kind, title: event.title };
    case "title":
      return { title: event.title };
    case "edit":
      return { peer_id, ...(last?.msg_id === event.target_msg_id && last.preview !== null ? { last_message: { ...last, preview: previewOf(event.content) } } : {}) };
    case "delete":
      return { peer_id, ...(last?.msg_id === event.target_msg_id ? { last_message: { ...last, preview: null, deleted: true } } : {}) };
    case "msg":
      return { peer_id, archived: false, last_message: lastOf(event), ...counted(event, row, me) };
    default:
      return { peer_id };
  }
}

/** Sending implies reading all before. */
function counted(event: Message, row: ConversationRow, me: string): Partial<ConversationRow> {
  const head_msg_no = event.msg_no ?? row.head_msg_no + 1;
  if (event.sender_id === me) return { head_msg_no, unread: 0, unread_mentions: 0, read_seq: event.seq };
  // One at a time: what was there before one joined is nobody's to count.
  const isNew = head_msg_no > row.head_msg_no && event.seq > row.read_seq;
  const mentions = event.mentions?.includes(me) === true;
  return { head_msg_no, unread: row.unread + (isNew ? 1 : 0), unread_mentions: row.unread_mentions + (isNew && mentions ? 1 : 0) };
}

function lastOf({ seq, msg_id, sender_id, sent_at, content_type, content, deleted_at }: Message): LastMessage {
  const deleted = deleted_at !== undefined;
  return { seq, msg_id, sender_id, sent_at, content_type, preview: deleted ? null : previewOf(content), ...(deleted ? { deleted } : {}) };
}

function previewOf(content: string): string {
  return content.slice(0, PREVIEW_UNITS);
}

function bareRow(conversation_id: string, epoch: number): ConversationRow {
  return {
    conversation_id, epoch,
    kind: isDirect(conversation_id) ? "direct" : "group",
    title: null, peer_id: null, head_seq: 0, head_msg_no: 0, read_seq: 0, unread: 0, unread_mentions: 0,
    last_message: null, last_at: 0, muted: false, archived: false, mode: "write", handle: "",
  };
}
