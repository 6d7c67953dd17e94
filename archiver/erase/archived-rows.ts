// What an erased person sent, in a conversation's archived rows: each row keeps its place and its hash. No row is deleted and
// nothing becomes null: a tombstone would outlive neither.
import { bucketOf, clockOf, firstMsgIdOf, msgIdAt } from "../../protocol/msg-id.ts";
import type { SegmentEvent } from "../../protocol/segment.ts";
import { isOwed, withoutContent } from "../erasures.ts";
import { type Change, decideMissing, isEmpty, planSegmentWrites, type Writes } from "../plan.ts";
import { type EventRow, eventOf, expiryOf } from "../rows.ts";
import { type ArchiveStore, StoreUnavailable } from "../stores/store.ts";

const PAGE = 500;

export interface Sweep {
  store: ArchiveStore;
  user_id: string;
  /** µs: what was sent up to then. */
  until: number;
  retentionS: number;
  /** ms */
  now: () => number;
  /** Counts, and changes nothing. */
  dryRun: boolean;
  /** Between two steps; throws where the command is to stop. */
  checkpoint: () => void;
}

/** @returns how many rows had content, or have it. */
export async function sweepArchivedRows(conversationId: string, sweep: Sweep): Promise<number> {
  let found = 0;
  // Of a hot month a store may have parts; by the month all of them are read.
  const months = new Set((await sweep.store.buckets(conversationId)).map((bucket) => bucket.slice(0, "2026-11".length)));
  for (const month of months) {
    for await (const rows of pages(sweep.store, conversationId, month)) {
      sweep.checkpoint();
      const owed = rows.map((row) => eventOf(conversationId, row)).filter((event) => isOwed(event, new Map([[sweep.user_id, sweep.until]])));
      found += owed.length;
      if (owed.length > 0 && !sweep.dryRun) await writeErased(conversationId, owed, sweep);
    }
  }
  return found;
}

async function* pages(store: ArchiveStore, conversationId: string, bucket: string): AsyncGenerator<EventRow[]> {
  const [year, month] = bucket.split("-").map(Number) as [number, number];
  let first = firstMsgIdOf(Date.UTC(year, month - 1, 1));
  const last = msgIdAt(Date.UTC(year, month, 1) * 1_000 - 1, new Uint8Array(8).fill(0xff));
  for (;;) {
    const rows = await store.read(conversationId, { bucket, first, last }, PAGE);
    if (rows.length > 0) yield rows;
    if (rows.length < PAGE) return;
    first = msgIdAt(clockOf((rows.at(-1) as EventRow).message_id) + 1, new Uint8Array(8));
  }
}

async function writeErased(conversationId: string, owed: readonly SegmentEvent[], { store, user_id, until, retentionS, now }: Sweep): Promise<void> {
  // Nothing is held when the command begins; a hold that comes meanwhile keeps its rows.
  const held = await store.readHeld(conversationId, new Set([user_id]));
  const plan = planSegmentWrites(conversationId, owed.map((event) => withoutContent(event, until)), retentionS, now(), held);
  // Only what is there is changed: a row that has ended meanwhile does not come back.
  const writes: Writes = { conversation_id: conversationId, rows: [], changes: [...plan.changes, ...shownBefore(owed, until, retentionS, plan.changes)] };
  const missing = decideMissing(writes, await store.readBack(writes));
  if (missing.kind === "conflict") throw new Error(`${missing.message_id} can't be erased: it is archived with another ${missing.field}`);
  if (isEmpty(missing.writes)) return;
  await store.write(missing.writes);
  const still = decideMissing(writes, await store.readBack(writes));
  if (still.kind === "conflict" || !isEmpty(still.writes)) throw new StoreUnavailable("erased rows were not read back as such");
}

/** An edit that came before its message has shown its content in a row that no event has yet. */
function shownBefore(owed: readonly SegmentEvent[], until: number, retentionS: number, planned: readonly Change[]): Change[] {
  const places = new Set(planned.map((change) => change.message_id));
  const targets = new Map(owed.flatMap((event) => (event.type === "edit" && !places.has(event.target_msg_id) ? [[event.target_msg_id, event.target_seq] as const] : [])));
  return [...targets].map(([message_id, seq]) => ({
    bucket: bucketOf(message_id), message_id, content: "", status: "DELETED", changed_at: until, body: null, expires_at: expiryOf(message_id, retentionS), seqs: [seq, seq],
  }));
}
