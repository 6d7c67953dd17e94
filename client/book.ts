// The list of conversations as this client knows it: read once, then kept by the events that pass.
import { isDirect } from "../protocol/ids.ts";
import type { ConversationDetail, ConversationRow } from "../protocol/rest.ts";
import type { ChatEvent } from "./timeline.ts";

export class Book {
  readonly #rows = new Map<string, ConversationRow>();
  readonly #peers = new Map<string, string>();

  get(conversation_id: string): ConversationRow | undefined {
    return this.#rows.get(conversation_id);
  }

  /** The last active first. */
  rows(): ConversationRow[] {
    return [...this.#rows.values()].toSorted((a, b) => b.last_at - a.last_at);
  }

  /** Rows as the server lists them; what has passed since is newer. */
  load(rows: readonly ConversationRow[]): void {
    for (const row of rows) {
      const known = this.#rows.get(row.conversation_id);
      if (known === undefined || known.epoch < row.epoch || known.head_seq <= row.head_seq) this.#rows.set(row.conversation_id, row);
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
    this.#rows.set(conversation_id, {
      ...(known ?? { ...emptyRow({ conversation_id, epoch }, null), head_seq, head_msg_no, unread: head_msg_no, last_at: created_at }),
      kind,
      title: isOld ? (known.title ?? title) : title,
      peer_id,
    });
  }

  /** An own message was addressed to this user: no event says who the other one is before they write. */
  knowPeer(conversation_id: string, peer_id: string): void {
    this.#peers.set(conversation_id, peer_id);
  }

  remove(conversation_id: string): void {
    this.#rows.delete(conversation_id);
  }

  event(event: ChatEvent, me: string): void {
    const row = this.#rows.get(event.conversation_id) ?? emptyRow(event, this.#peers.get(event.conversation_id) ?? null);
    if (event.epoch < row.epoch) return;
    if (event.epoch > row.epoch) row.epoch = event.epoch;
    else if (event.seq <= row.head_seq && this.#rows.has(event.conversation_id)) return;
    this.#rows.set(event.conversation_id, { ...row, ...changesBy(event, row, me), head_seq: event.seq, last_at: event.sent_at });
  }
}

function changesBy(event: ChatEvent, row: ConversationRow, me: string): Partial<ConversationRow> {
  const peer_id = row.kind === "direct" && row.peer_id === null && event.sender_id !== me ? event.sender_id : row.peer_id;
  switch (event.type) {
    case "created":
      return { kind: event.kind, title: event.title };
    case "title":
      return { title: event.title };
    case "msg": {
      const head_msg_no = event.msg_no ?? row.head_msg_no + 1;
      // Sending implies reading all before.
      if (event.sender_id === me) return { head_msg_no, unread: 0, read_seq: event.seq };
      // One at a time: what was there before one joined is nobody's to count.
      return { peer_id, head_msg_no, unread: row.unread + (head_msg_no > row.head_msg_no ? 1 : 0) };
    }
    default:
      return { peer_id };
  }
}

function emptyRow({ conversation_id, epoch }: Pick<ChatEvent, "conversation_id" | "epoch">, peer_id: string | null): ConversationRow {
  return {
    conversation_id,
    kind: isDirect(conversation_id) ? "direct" : "group",
    title: null,
    peer_id,
    epoch,
    head_seq: 0,
    head_msg_no: 0,
    read_seq: 0,
    unread: 0,
    unread_mentions: 0,
    last_message: null,
    last_at: 0,
    muted: false,
    archived: false,
    mode: "write",
    handle: "",
  };
}
