// Members' watermarks in a store: merged by the greater, never back, whatever comes twice, late or in another order.
import type { MemberMarks } from "../../protocol/archive.ts";

/** Every call may throw StoreUnavailable. */
export interface ReceiptStore {
  /** A watermark of 0 says nothing. */
  mergeReceipts(conversationId: string, marks: readonly MemberMarks[]): Promise<void>;
  /** By user; 0 where nothing was noted. */
  receipts(conversationId: string): Promise<MemberMarks[]>;
}
