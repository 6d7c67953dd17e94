// Batches for Cassandra: of one partition each, and small enough for a node to take.

/** Of one batch. A batch is one mutation, which a node takes up to half a commit log segment (16 MiB by default). */
export const BATCH_ROWS = 100;
const BATCH_BYTES = 512 * 1024;
/** Batches of one segment under way at once. */
export const BATCH_WIDTH = 4;

export interface Statement {
  query: string;
  params: unknown[];
}
export interface Sized extends Statement {
  bucket: string;
  bytes: number;
}

/** @param statements of one conversation */
export function batchesOf(statements: readonly Sized[]): Statement[][] {
  const batches: Statement[][] = [];
  for (const group of Map.groupBy(statements, (statement) => statement.bucket).values()) {
    let bytes = Number.POSITIVE_INFINITY;
    for (const { query, params, bytes: more } of group) {
      if (bytes + more > BATCH_BYTES || (batches.at(-1)?.length ?? 0) >= BATCH_ROWS) {
        batches.push([]);
        bytes = 0;
      }
      batches.at(-1)?.push({ query, params });
      bytes += more;
    }
  }
  return batches;
}

/** What is left of a life, in seconds: at least one; 0, which is for ever, where it has no end. */
export function ttl(expiresAt: number | null, now: number): number {
  return expiresAt === null ? 0 : Math.max(1, expiresAt - now);
}
