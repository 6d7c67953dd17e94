// One segment through the archiver's steps, on any store, without a bucket or an edge of its own; a test may act between them.
import { archiveRun } from "../../archiver/archive.ts";
import { Budget } from "../../archiver/budget.ts";
import { TEXT_BYTES } from "../../archiver/checked-segment.ts";
import type { Edge } from "../../archiver/edge.ts";
import type { SegmentBucket } from "../../archiver/s3.ts";
import type { ArchiveStore } from "../../archiver/stores/store.ts";
import type { SegmentEvent } from "../../protocol/segment.ts";
import { segment } from "./segments.ts";

export interface ArchivingOptions {
  retentionS: number;
  now: () => number;
  /** Called between steps with their number, from 0; the archiver waits for it. By throwing it ends the archiver there. */
  between?: (step: number) => Promise<void>;
}

/** The store as the archiver has it: after each of its answers something may happen. */
function interrupted(store: ArchiveStore, between: (step: number) => Promise<void>): ArchiveStore {
  let step = 0;
  return new Proxy(store, {
    get(object, name) {
      const member: unknown = Reflect.get(object, name, object);
      if (typeof member !== "function") return member;
      return async (...args: unknown[]) => {
        const answer: unknown = await Reflect.apply(member, object, args);
        await between(step++);
        return answer;
      };
    },
  });
}

export async function archiveThrough(store: ArchiveStore, events: SegmentEvent[], { retentionS, now, between = async () => undefined }: ArchivingOptions): Promise<void> {
  const { key, metadata, bytes } = segment(events);
  const bucket: Pick<SegmentBucket, "read" | "delete"> = { read: async () => ({ metadata, bytes }), delete: async () => undefined };
  const edge: Pick<Edge, "ack" | "holdFiles"> = { ack: async (head) => ({ archived_seq: head.to_seq }), holdFiles: async () => undefined };
  await archiveRun([key], {
    bucket: bucket as SegmentBucket, edge: edge as Edge, store: interrupted(store, between), retentionS, now, texts: new Budget(TEXT_BYTES), checkpoint: () => undefined,
  });
}
