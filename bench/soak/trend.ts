// Does a series rise? The median of the slopes between all pairs of points (Theil and Sen), which single outliers do not move, and
// the range in which it lies with 95% confidence (from the variance of Kendall's score).

export interface Point {
  at: number;
  value: number;
}

export interface Trend {
  /** Rise of the value for each unit of `at`. */
  slope: number;
  lowest: number;
  highest: number;
  points: number;
}

/** Fewer points tell nothing: the range would be all slopes that there are. */
export const POINTS_NEEDED = 6;
const Z_95 = 1.96;

/** null where there are too few points. */
export function trendOf(points: readonly Point[]): Trend | null {
  const count = points.length;
  if (count < POINTS_NEEDED) return null;
  const slopes: number[] = [];
  for (const [i, a] of points.entries()) {
    for (const b of points.slice(i + 1)) if (b.at !== a.at) slopes.push((b.value - a.value) / (b.at - a.at));
  }
  slopes.sort((a, b) => a - b);
  const spread = Z_95 * Math.sqrt((count * (count - 1) * (2 * count + 5)) / 18);
  const at = (rank: number): number => slopes[Math.min(slopes.length - 1, Math.max(0, Math.round(rank)))] as number;
  const middle = (slopes.length - 1) / 2;
  return { slope: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2, lowest: at(middle - spread / 2), highest: at(middle + spread / 2), points: count };
}
