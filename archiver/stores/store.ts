// What the archiver needs of a store: rows of events, a ledger of segments, and how far each conversation reaches.
// Every write is idempotent and ordered by the clock of the event that causes it, so that replays, and several
// archivers at once, end in the same rows.
import type { SegmentHead } from "../../protocol/segment.ts";
import type { ArchiveRead } from "../../protocol/archive.ts";
import type { Writes } from "../plan.ts";
import { reasonOf } from "../reason.ts";
import type { EventRow, StoredRow } from "../rows.ts";
import type { HoldStore } from "./holds.ts";
import type { ReceiptStore } from "./receipts.ts";

/** A segment whose rows were written and read back. `archived_at` in ms. Without ids: recorded by a version without chains. */
export interface LedgerEntry extends Omit<SegmentHead, "format"> {
  archived_at: number;
  first_id?: string;
  last_id?: string;
}

/** `expiresAt` in s since 1970. */
export interface Recorded {
  entry: LedgerEntry;
  expiresAt: number;
}

/** An epoch that a restore began. Times in ms. */
export interface EpochEntry {
  epoch: number;
  /** Its first seq; null until that is known. */
  from_seq: number | null;
  begun_at: number;
  /** null: not yet. */
  completed_at: number | null;
}

/** A row as it stands, whatever was done to it: any field but its place may be missing. */
export interface RawRow {
  bucket: string;
  message_id: string;
  seq: number | null;
  epoch: number | null;
  type: string | null;
  sender_id: string | null;
  created_at: number | null;
  client_msg_id: string | null;
  msg_no: number | null;
  content_type: string | null;
  content: string | null;
  status: string | null;
  /** µs: the clock of what wrote status last */
  changed_at: number | null;
  body: string | null;
  salt: string | null;
  content_hash: string | null;
}

export type LedgerKey = Pick<SegmentHead, "conversation_id" | "epoch" | "from_seq" | "to_seq">;
export type ReadRange = ArchiveRead["ranges"][number];

/** The store can't be reached, or failed for a reason that has nothing to do with what was asked: try again later. */
export class StoreUnavailable extends Error {
  constructor(cause: unknown) {
    super(reasonOf(cause), { cause });
    this.name = "StoreUnavailable";
  }
}

/** The store will not take these very rows. */
export class StoreRefused extends Error {
  constructor(cause: unknown) {
    super(reasonOf(cause), { cause });
    this.name = "StoreRefused";
  }
}

/** A newer program has changed the schema so that this one may not use it. It must not run. */
export class SchemaTooNew extends Error {
  constructor(message: string) {
    super(message);
    this.name = "SchemaTooNew";
  }
}

/** Every call may throw StoreUnavailable. Before the first successful `open` all but `open` and `close` do. */
export interface ArchiveStore extends HoldStore, ReceiptStore {
  readonly kind: "sqlite" | "cassandra";
  /** Connects and brings the schema up to date. Does nothing when that is done; to be called again after it failed. */
  open(): Promise<void>;
  /** The rows that stand in the places of these, in any order: those that `decideMissing` compares. */
  readBack(places: Writes): Promise<StoredRow[]>;
  /** The same after they were written, of new rows no more than their proof. */
  readProof(places: Writes): Promise<StoredRow[]>;
  /** Throws StoreRefused where the store will not take a row. */
  write(writes: Writes): Promise<void>;
  ledger(key: LedgerKey): Promise<LedgerEntry | null>;
  /** Notes segments of one conversation as stored. The first entry of a key wins; what stands there is returned, in the same order. */
  record(entries: readonly Recorded[]): Promise<LedgerEntry[]>;
  /** In the place of the entry with that hash, where it is still the one there. Returns what stands there. */
  replace(entry: Recorded, sha256: string): Promise<LedgerEntry>;
  /** The edge has acknowledged everything up to `archivedSeq`. Never goes back. */
  reached(conversationId: string, epoch: number, archivedSeq: number): Promise<void>;
  /** 0 where nothing was noted. */
  readReached(conversationId: string, epoch: number): Promise<number>;
  /**
   * The events of a range, ascending; at most `limit`. Left out are rows without an event, and those past their retention that
   * nothing holds.
   */
  read(conversationId: string, range: ReadRange, limit: number): Promise<EventRow[]>;
  /** Rows of a bucket with ids above `after`, ascending, as they stand. null: from its start. */
  scan(conversationId: string, bucket: string, after: string | null, limit: number): Promise<RawRow[]>;
  /** A conversation's ledger behind a place, ascending by epoch and from_seq. null: from its start. */
  ledgerAfter(conversationId: string, after: Pick<LedgerKey, "epoch" | "from_seq"> | null, limit: number): Promise<LedgerEntry[]>;
  /** The entry before a place. */
  ledgerBefore(conversationId: string, before: Pick<LedgerKey, "epoch" | "from_seq">): Promise<LedgerEntry | null>;
  /** The epochs that restores began, ascending. */
  epochs(conversationId: string): Promise<EpochEntry[]>;
  /** Writes what is given of an epoch; a field that is null stays as it was. */
  recordEpoch(conversationId: string, entry: EpochEntry): Promise<void>;
  /** Every conversation that the ledger, or else the record of what was acknowledged, knows; each once. */
  conversations(): AsyncIterable<string>;
  /** Where a conversation has rows, in the order of seq: months, and of hot ones their parts (see partitions.ts). */
  buckets(conversationId: string): Promise<string[]>;
  /** Says that an archiver lives for the next `leaseMs`, and answers with the ids of all that do, this one among them. */
  beat(archiverId: string, leaseMs: number): Promise<string[]>;
  /** It lives no more. */
  leave(archiverId: string): Promise<void>;
  /** Of these users those whose content was erased, and up to which clock (µs) of an event. */
  readErased(userIds: readonly string[]): Promise<Map<string, number>>;
  /** Never goes back. */
  recordErased(userId: string, until: number): Promise<void>;
  /** Answers when the store does. */
  check(): Promise<void>;
  close(): Promise<void>;
}
