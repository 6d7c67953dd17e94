// The archive's events up to a seq, as a restore gives them to the object: dense, each checked, and the chain that they lead to
// compared with the ledger's at the end of each segment. What does not fit is never restored in silence.
import { type ChainLink, chainStart, linkBytes } from "../../protocol/chain.ts";
import { leftOfMessage } from "../../domain/erasure.ts";
import { canonicalJson } from "../../protocol/canonical.ts";
import { EVENT_TYPES, type EventType } from "../../protocol/events.ts";
import type { RestoreEvent } from "../../protocol/restore-calls.ts";
import { ERASED_SALT } from "../../protocol/segment.ts";
import { checkRow, sha256 } from "../audit/row-check.ts";
import { RowReader } from "../audit/rows.ts";
import { epochAt, isRowLeftBehind, leftOfSegment } from "../audit/units.ts";
import type { ArchiveStore, EpochEntry, LedgerEntry, RawRow } from "../stores/store.ts";

/** The archive can't be restored from as it is: what the audit would find. */
export class DamagedArchive extends Error {
  /** What is before it, up to here, is whole. */
  readonly wholeTo: number;
  /** The message's place is as it was, and only what it said is not: it can be restored without that. */
  readonly contentAlone: boolean;

  constructor(message: string, wholeTo: number, contentAlone = false) {
    super(message);
    this.wholeTo = wholeTo;
    this.contentAlone = contentAlone;
  }
}

export interface Archive {
  store: ArchiveStore;
  conversationId: string;
  epochs: readonly EpochEntry[];
}

/** What counts of the ledger, ascending by seq. */
async function* ledgerOf({ store, conversationId, epochs }: Archive): AsyncGenerator<LedgerEntry> {
  for (let last: LedgerEntry | null = null; ;) {
    const page: LedgerEntry[] = await store.ledgerAfter(conversationId, last, 200);
    yield* page.map((entry) => leftOfSegment(entry, epochs)).filter((entry) => entry !== null);
    if (page.length < 200) return;
    last = page.at(-1) as LedgerEntry;
  }
}

/** How far the ledger reaches without a hole, and from where: what was before that is past its retention, or was removed. */
export async function readReach(archive: Archive): Promise<{ begins: number; seq: number; epoch: number; pair: [string, string] | null }> {
  const reached = { begins: 1, seq: 0, epoch: 0, pair: null as [string, string] | null };
  for await (const entry of ledgerOf(archive)) {
    if (reached.epoch === 0) reached.begins = entry.from_seq;
    reached.epoch = Math.max(reached.epoch, entry.epoch);
    reached.pair ??= entry.pair ?? null;
    if (entry.from_seq <= reached.seq + 1 && entry.to_seq > reached.seq) reached.seq = entry.to_seq;
  }
  return reached;
}

export interface Restored {
  event: RestoreEvent;
  /** With this event. */
  chain: string;
  mentions: readonly string[];
  /** What it said is lost. */
  contentLost: boolean;
}

/**
 * @param acceptLoss a message whose content alone is not what it was is given without it
 * Throws DamagedArchive.
 */
export async function* readEvents(archive: Archive, headSeq: number, acceptLoss = false): AsyncGenerator<Restored> {
  const { store, conversationId, epochs } = archive;
  let chain = chainStart(conversationId, sha256);
  let seq = 0;
  const ledger = ledgerOf(archive);
  let entry = (await ledger.next()).value as LedgerEntry | undefined;
  for await (const row of new RowReader(store, conversationId).after(null)) {
    if (seq >= headSeq) break;
    if (isTrace(row) || isRowLeftBehind(row, epochs)) continue;
    const { digest } = checkRow(row, (at) => epochAt(at, epochs));
    if (digest.seq !== seq + 1) throw new DamagedArchive(`seq ${seq + 1} is not in the archive`, seq);
    // What an edit shows is not restored: only what was sealed counts.
    const wrong = digest.wrong === "content" || digest.wrong === "status" ? null : digest.wrong;
    const contentAlone = row.type === "msg" && wrong !== null && OF_CONTENT.has(wrong);
    if (wrong !== null && !(contentAlone && acceptLoss)) throw new DamagedArchive(`${wrong} of seq ${digest.seq} is not what it was`, seq, contentAlone);
    const event = wrong === null ? eventOf(row as FullRow, seq) : { ...eventOf(row as FullRow, seq), body: EMPTY, salt: ERASED_SALT };
    chain = sha256(linkBytes(chain, event satisfies ChainLink));
    seq = digest.seq;
    while (entry !== undefined && entry.to_seq < seq) entry = (await ledger.next()).value as LedgerEntry | undefined;
    if (entry?.to_seq === seq && entry.chain !== undefined && entry.epoch === row.epoch && entry.chain !== chain) {
      throw new DamagedArchive(`what is stored of ${entry.from_seq}-${entry.to_seq} does not lead to the chain's hash`, entry.from_seq - 1);
    }
    yield { event, chain, mentions: wrong === null ? mentionsOf(row) : [], contentLost: wrong !== null };
  }
  if (seq < headSeq) throw new DamagedArchive(`seq ${seq + 1} is not in the archive`, seq);
}

/** Fields that say what a message said, or what goes with that; which messages they are of the chain tells without them. */
const OF_CONTENT = new Set(["salt", "body"]);
/** What a deletion leaves of a message of which nothing else is known. */
const EMPTY = canonicalJson(leftOfMessage("text", undefined));

/** An edit's trace without its message. */
function isTrace(row: RawRow): boolean {
  return row.seq === null && row.content_hash === null && row.body === null;
}

type FullRow = RawRow & { seq: number; type: EventType; sender_id: string; body: string; salt: string; content_hash: string };

function eventOf({ seq, message_id, type, sender_id, client_msg_id, msg_no, body, salt, content_hash }: FullRow, before: number): RestoreEvent {
  if (!(EVENT_TYPES as string[]).includes(type)) throw new DamagedArchive(`seq ${seq} is of no known type`, before);
  return { seq, msg_id: message_id, type, sender_id, client_msg_id, msg_no, body, salt, content_hash };
}

function mentionsOf(row: RawRow): string[] {
  return row.body?.includes('"mentions"') === true ? ((JSON.parse(row.body) as { mentions?: string[] }).mentions ?? []) : [];
}
