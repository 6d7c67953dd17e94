// Batches for Cassandra: of one partition each, and small enough for a node to take.
import type { Client } from "cassandra-driver";
import { inLanes } from "../lanes.ts";

/**
 * Rows of one batch. A batch is one mutation, which a node takes up to half a commit log segment (16 MiB by default), and as many of a
 * segment's rows cost it an eighth less than batches of 100 do.
 */
const BATCH_ROWS = 256;
const BATCH_BYTES = 512 * 1024;
/** Batches of one segment under way at once. */
const BATCH_WIDTH = 4;

export interface Statement {
  query: string;
  params: unknown[];
}
export interface Sized {
  bucket: string;
  bytes: number;
  /** Made when it is sent: many wait. */
  statement: () => Statement;
}

/** @param statements of one conversation */
export function batchesOf(statements: readonly Sized[]): (() => Statement)[][] {
  const batches: (() => Statement)[][] = [];
  for (const group of Map.groupBy(statements, (statement) => statement.bucket).values()) {
    let bytes = Number.POSITIVE_INFINITY;
    for (const { statement, bytes: more } of group) {
      if (bytes + more > BATCH_BYTES || (batches.at(-1)?.length ?? 0) >= BATCH_ROWS) {
        batches.push([]);
        bytes = 0;
      }
      batches.at(-1)?.push(statement);
      bytes += more;
    }
  }
  return batches;
}

/** Sends batches, a few at a time. */
export async function sendBatches(client: Client, batches: readonly (() => Statement)[][]): Promise<void> {
  await inLanes(batches, BATCH_WIDTH, async (batch) => {
    await client.batch(batch.map((statement) => statement()), { logged: false, prepare: true });
  });
}

/** What is left of a life, in seconds: at least one; 0, which is for ever, where it has no end. */
export function ttl(expiresAt: number | null, now: number): number {
  return expiresAt === null ? 0 : Math.max(1, expiresAt - now);
}
