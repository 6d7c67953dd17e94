// Which run of seqs a page of history reads. Seqs are dense and msg_ids grow with them, so a time or an id is found by
// bisection over the primary key, without an index of its own.

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
