// Calls about receipts: from a session to a conversation, and back to the sessions of those who sent what was passed.
import type { ReceiptStatus, StatusFrame } from "../frames/receipt.ts";

/** The highest seqs that any of the user's devices has, and has shown. At least one of them. */
export interface ReceiptsCall {
  user_id: string;
  delivered_seq?: number;
  read_seq?: number;
  /** The answer of this call was lost before: who was to be told may not have been. */
  again?: boolean;
}

/** A member's watermarks as they are stored. */
export interface ReceiptMarks {
  delivered_seq: number;
  read_seq: number;
  /** Messages up to `read_seq`. */
  read_msg_no: number;
  /** ms; 0 before the first */
  read_at: number;
  /** The first seq that this member sees. */
  from_seq: number;
  /** A settle is still to come and will bring `read_seq` along: the session need not store it. */
  settles: boolean;
}

/** To a session whose user has sent what others now have. The newest of each kind; older ones say nothing more. */
export interface StatusCall {
  conversation_id: string;
  frames: StatusFrame[];
}

/** `GET …/receipts`: what one member has done with a message. `updated_at` in ms; of SENT it is the message's own time. */
export interface MessageReceipt {
  message_id: string;
  user_id: string;
  status: "SENT" | ReceiptStatus;
  updated_at: number;
}
