// Segments, straight through: read → check → write → read back → ledger → ack → delete.
// Whatever fails or dies between two steps, the object is still there, and the same steps end in the same rows.
// Invariant: nothing is acknowledged before it was read back, and nothing is deleted before it was acknowledged.
import type { SegmentHead } from "../protocol/segment.ts";
import type { Budget } from "./budget.ts";
import { checkSegment, textBytesOf, WrongSegment } from "./checked-segment.ts";
import type { Edge } from "./edge.ts";
import { settleFiles } from "./held-files.ts";
import { isStraggler } from "./neighbours.ts";
import type { SegmentBucket, StoredObject } from "./s3.ts";
import { type Counts, type Run, storeSegments, type StoringTools } from "./storing.ts";

export interface ArchiveTools extends StoringTools {
  bucket: SegmentBucket;
  edge: Pick<Edge, "ack" | "wrong" | "holdFiles">;
  /** Unpacked bytes of segments in hand. */
  texts: Budget;
}

export interface Archived extends Counts {
  key: string;
  head: SegmentHead;
  archived_seq: number;
}

interface Read {
  key: string;
  object: StoredObject | "too_large";
}

async function acknowledge(run: Run, keys: readonly string[], counts: readonly Counts[], { store, edge, checkpoint }: ArchiveTools): Promise<Archived[]> {
  const outcomes: Archived[] = [];
  for (const [i, { head }] of run.entries()) {
    const { archived_seq, receipts = [] } = await edge.ack(head);
    checkpoint();
    if (receipts.length > 0) {
      await store.mergeReceipts(head.conversation_id, receipts);
      checkpoint();
    }
    outcomes.push({ key: keys[i] as string, head, ...(counts[i] as Counts), archived_seq });
  }
  return outcomes;
}

async function archiveObjects(objects: readonly Read[], tools: ArchiveTools): Promise<Archived[]> {
  const { bucket, store, edge, checkpoint } = tools;
  checkpoint();
  const [first, ...rest] = await Promise.all(objects.map(({ key, object }) => checkSegment(key, object)));
  if (first === undefined) return [];
  const run: Run = [first, ...rest];
  const { conversation_id, epoch } = first.head;
  const epochs = await store.epochs(conversation_id);
  // What a restore did not find is not to turn up behind it under seqs that others have by now.
  if (isStraggler(first.head, epochs)) throw new WrongSegment("epoch", `epoch ${epoch} has ended: the conversation was restored with epoch ${epochs.at(-1)?.epoch}`);
  checkpoint();
  const counts = await storeSegments(run, tools);
  for (const { head, events } of run) await settleFiles(head, events, store, edge.holdFiles.bind(edge));
  checkpoint();
  const outcomes = await acknowledge(run, objects.map(({ key }) => key), counts, tools);
  await store.reached(conversation_id, epoch, Math.max(...outcomes.map(({ archived_seq }) => archived_seq)));
  checkpoint();
  for (const { key } of objects) {
    await bucket.delete(key);
    checkpoint();
  }
  return outcomes;
}

/**
 * @param keys of one conversation and epoch, in the order of seq. What another archiver was faster with is left out of the answer.
 * Throws WrongSegment, StoreRefused or AckRefused for what concerns one of these segments only, without saying which; StoreUnavailable,
 * BucketUnavailable or EdgeUnavailable for what concerns all.
 */
export async function archiveRun(keys: readonly string[], tools: ArchiveTools): Promise<Archived[]> {
  const read = await Promise.all(keys.map(async (key) => ({ key, object: await tools.bucket.read(key) })));
  const there = read.filter((one): one is Read => one.object !== null);
  return tools.texts.hold(there.reduce((sum, { object }) => sum + textBytesOf(object), 0), () => archiveObjects(there, tools));
}
