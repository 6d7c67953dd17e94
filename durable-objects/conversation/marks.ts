// The watermarks of every stay, in memory as they are on their pages. Read with the first use of a wake.
import { type Marks, marksBefore } from "../../domain/receipts.ts";
import type { ReceiptPage, ReceiptsStore } from "./store/receipts.ts";

const STAYS_PER_PAGE = 64;

export interface StayEntry {
  readonly user_id: string;
  readonly joined_seq: number;
  /** As they are now; stored with the next flush. */
  marks: Marks;
  /** As they were last told and stored. */
  told: Marks;
  /** null until it is stored for the first time. */
  page: number | null;
}

export class MarksBook {
  private readonly entries = new Map<string, StayEntry>();
  private readonly pages: StayEntry[][];

  constructor(store: ReceiptsStore) {
    this.pages = store.readPages().map(({ page, stays }) => stays.map(({ user_id, joined_seq, marks }) => {
      const entry = { user_id, joined_seq, marks, told: marks, page };
      this.entries.set(keyOf(entry), entry);
      return entry;
    }));
  }

  of(stay: { user_id: string; joined_seq: number }): StayEntry {
    const known = this.entries.get(keyOf(stay));
    if (known !== undefined) return known;
    const marks = marksBefore(stay);
    const made = { user_id: stay.user_id, joined_seq: stay.joined_seq, marks, told: marks, page: null };
    this.entries.set(keyOf(stay), made);
    return made;
  }

  all(): Iterable<StayEntry> {
    return this.entries.values();
  }

  /** The pages that hold these, with all that is on them. Who has no page yet gets a place on the last one. */
  pagesOf(entries: Iterable<StayEntry>): ReceiptPage[] {
    const pages = new Set<number>();
    for (const entry of entries) {
      entry.page ??= this.place(entry);
      pages.add(entry.page);
    }
    return [...pages].map((page) => ({ page, stays: this.pages[page] as StayEntry[] }));
  }

  private place(entry: StayEntry): number {
    if ((this.pages.at(-1)?.length ?? STAYS_PER_PAGE) >= STAYS_PER_PAGE) this.pages.push([]);
    this.pages.at(-1)?.push(entry);
    return this.pages.length - 1;
  }
}

function keyOf({ user_id, joined_seq }: { user_id: string; joined_seq: number }): string {
  return `${joined_seq}:${user_id}`;
}
