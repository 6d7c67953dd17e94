// Latencies in ms, kept one by one: percentiles are exact.

export interface Percentiles {
  p50: number;
  p99: number;
  max: number;
}

export class Samples {
  private values = new Float64Array(1_024);
  private used = 0;

  get count(): number {
    return this.used;
  }

  add(value: number): void {
    if (this.used === this.values.length) {
      const larger = new Float64Array(this.values.length * 2);
      larger.set(this.values);
      this.values = larger;
    }
    this.values[this.used] = value;
    this.used += 1;
  }

  percentiles(): Percentiles | null {
    return percentiles([this.all()]);
  }

  all(): Float64Array {
    return this.values.slice(0, this.used);
  }
}

/** Exact, of all of them together; null without any. */
export function percentiles(parts: readonly Float64Array[]): Percentiles | null {
  const all = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
  let used = 0;
  for (const part of parts) {
    all.set(part, used);
    used += part.length;
  }
  if (used === 0) return null;
  all.sort();
  const at = (share: number): number => all[Math.max(0, Math.ceil(share * used) - 1)] as number;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** Of the values of several rounds. Throws on none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle];
  if (upper === undefined) throw new Error("the median of nothing");
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] as number)) / 2;
}
