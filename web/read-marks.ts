// How far this browser's user has read each conversation, as msg_no. Kept here until the server takes receipts.
import type { ConversationRow } from "../client/client.ts";

export class ReadMarks {
  readonly #key: string;
  readonly #marks: Map<string, number>;

  constructor(user_id: string) {
    this.#key = `confab.read.${user_id}`;
    this.#marks = new Map(Object.entries(stored(this.#key)));
  }

  /** Messages by others since the last one that was read. */
  unread({ conversation_id, head_msg_no, unread }: ConversationRow): number {
    return Math.min(unread, Math.max(0, head_msg_no - (this.#marks.get(conversation_id) ?? 0)));
  }

  /** The first unread message's msg_no. */
  firstUnread(row: ConversationRow): number {
    return row.head_msg_no - this.unread(row) + 1;
  }

  /** Answers whether that changed anything. */
  read({ conversation_id, head_msg_no }: ConversationRow): boolean {
    if ((this.#marks.get(conversation_id) ?? 0) >= head_msg_no) return false;
    this.#marks.set(conversation_id, head_msg_no);
    try {
      localStorage.setItem(this.#key, JSON.stringify(Object.fromEntries(this.#marks)));
    } catch {
      // A full or forbidden storage costs only that a reload counts these as unread again.
    }
    return true;
  }
}

function stored(key: string): Record<string, number> {
  try {
    const parsed: unknown = JSON.parse(localStorage.getItem(key) ?? "{}");
    if (typeof parsed !== "object" || parsed === null) return {};
    return Object.fromEntries(Object.entries(parsed).filter((entry): entry is [string, number] => typeof entry[1] === "number"));
  } catch {
    return {};
  }
}
