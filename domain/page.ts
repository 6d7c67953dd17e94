// Which run of seqs a page of history reads. Seqs are dense and msg_ids grow with them, so a time or an id is found by
// bisection over the primary key, without an index of its own.
import { BATCH_BYTES, HISTORY_PAGE_UNITS, PAGE_MAX } from "../protocol/limits.ts";

/** What a body in the archive counts: PAGE_MAX of them fill a page. */
const ARCHIVED_UNITS = HISTORY_PAGE_UNITS / PAGE_MAX;

export interface Bounds {
  /** Both included; empty where from > to. */
  from: number;
  to: number;
}

/** The first seq in [low, high + 1] for which `atLeast` holds; it holds for all behind the first. */
export function bisect(low: number, high: number, atLeast: (seq: number) => boolean): number {
  let first = low;
  let end = high + 1;
  while (first < end) {
    const middle = Math.floor((first + end) / 2);
    if (atLeast(middle)) end = middle;
    else first = middle + 1;
  }
  return first;
}

export function intersect(a: Bounds, b: Bounds): Bounds {
  return { from: Math.max(a.from, b.from), to: Math.min(a.to, b.to) };
}

/**
 * How many of a page's rows it may hold, beside its limit: as much as one call may carry, and beyond PAGE_MAX events no more than is
 * still quickly sent. Always one.
 * @param sizes characters of each body; null where it must be fetched from the archive
 */
export function fitting(sizes: readonly (number | null)[]): number {
  let bytes = 0;
  let units = 0;
  for (const [i, size] of sizes.entries()) {
    bytes += (size ?? 0) * 3;
    units += size ?? ARCHIVED_UNITS;
    if (i > 0 && (bytes > BATCH_BYTES || (i >= PAGE_MAX && units > HISTORY_PAGE_UNITS))) return i;
  }
  return sizes.length;
}
