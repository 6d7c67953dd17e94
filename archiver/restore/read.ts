// The archive's events up to a seq, as a restore gives them to the object: dense, each checked, and the chain that they lead to
// compared with the ledger's at the end of each segment. What does not fit is never restored in silence.
import { type ChainLink, chainStart, linkBytes } from "../../protocol/chain.ts";
import { EVENT_TYPES, type EventType } from "../../protocol/events.ts";
import type { RestoreEvent } from "../../protocol/restore-calls.ts";
import { checkRow, sha256 } from "../audit/row-check.ts";
import { RowReader } from "../audit/rows.ts";
import { epochAt } from "../audit/units.ts";
import type { ArchiveStore, EpochEntry, LedgerEntry, RawRow } from "../stores/store.ts";

/** The archive can't be restored from as it is: what the audit would find. */
export class DamagedArchive extends Error {}

export async function* ledgerOf(store: ArchiveStore, conversationId: string): AsyncGenerator<LedgerEntry> {
  for (let last: LedgerEntry | null = null; ;) {
    const page: LedgerEntry[] = await store.ledgerAfter(conversationId, last, 200);
    yield* page;
    if (page.length < 200) return;
    last = page.at(-1) as LedgerEntry;
  }
}

/** How far the ledger reaches without a hole, over all epochs that count. */
export async function archivedSeq(store: ArchiveStore, conversationId: string, epochs: readonly EpochEntry[]): Promise<{ seq: number; epoch: number; pair: [string, string] | null }> {
  const reached = { seq: 0, epoch: 0, pair: null as [string, string] | null };
  for await (const entry of ledgerOf(store, conversationId)) {
    reached.epoch = Math.max(reached.epoch, entry.epoch);
    reached.pair ??= entry.pair ?? null;
    const leftBehind = epochs.some((begun) => begun.epoch > entry.epoch && begun.from_seq !== null && begun.from_seq <= entry.from_seq);
    if (!leftBehind && entry.from_seq <= reached.seq + 1 && entry.to_seq > reached.seq) reached.seq = entry.to_seq;
  }
  return reached;
}

export interface Restored {
  event: RestoreEvent;
  /** With this event. */
  chain: string;
  mentions: readonly string[];
}

/** Throws DamagedArchive. */
export async function* readEvents(store: ArchiveStore, conversationId: string, epochs: readonly EpochEntry[], headSeq: number): AsyncGenerator<Restored> {
  let chain = chainStart(conversationId, sha256);
  let seq = 0;
  const ledger = ledgerOf(store, conversationId);
  let entry = (await ledger.next()).value as LedgerEntry | undefined;
  for await (const row of new RowReader(store, conversationId).after(null)) {
    if (seq >= headSeq) break;
    if (isPassedOver(row, seq, epochs)) continue;
    const { digest } = checkRow(row, (at) => epochAt(at, epochs));
    if (digest.seq !== seq + 1) throw new DamagedArchive(`seq ${seq + 1} is not in the archive`);
    // What an edit shows is not restored: only what was sealed counts.
    if (digest.wrong !== null && digest.wrong !== "content" && digest.wrong !== "status") throw new DamagedArchive(`${digest.wrong} of seq ${digest.seq} is not what it was`);
    seq = digest.seq;
    const event = eventOf(row as FullRow);
    chain = sha256(linkBytes(chain, event satisfies ChainLink));
    while (entry !== undefined && entry.to_seq < seq) entry = (await ledger.next()).value as LedgerEntry | undefined;
    if (entry?.to_seq === seq && entry.chain !== undefined && entry.epoch === row.epoch && entry.chain !== chain) {
      throw new DamagedArchive(`what is stored of ${entry.from_seq}-${entry.to_seq} does not lead to the chain's hash`);
    }
    yield { event, chain, mentions: mentionsOf(row) };
  }
  if (seq < headSeq) throw new DamagedArchive(`seq ${seq + 1} is not in the archive`);
}

/** An edit's trace without its message, or a row that an earlier restore left behind. */
function isPassedOver(row: RawRow, seq: number, epochs: readonly EpochEntry[]): boolean {
  if (row.seq === null && row.content_hash === null && row.body === null) return true;
  return row.seq !== null && row.epoch !== null && row.seq !== seq + 1 && row.epoch < epochAt(row.seq, epochs);
}

type FullRow = RawRow & { seq: number; type: EventType; sender_id: string; body: string; salt: string; content_hash: string };

function eventOf({ seq, message_id, type, sender_id, client_msg_id, msg_no, body, salt, content_hash }: FullRow): RestoreEvent {
  if (!(EVENT_TYPES as string[]).includes(type)) throw new DamagedArchive(`seq ${seq} is of no known type`);
  return { seq, msg_id: message_id, type, sender_id, client_msg_id, msg_no, body, salt, content_hash };
}

function mentionsOf(row: RawRow): string[] {
  return row.body?.includes('"mentions"') === true ? ((JSON.parse(row.body) as { mentions?: string[] }).mentions ?? []) : [];
}
