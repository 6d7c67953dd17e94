// When a month's entry in `buckets` may go: with the last row that the month can hold.

/** @param bucket `2026-11`; @returns s since 1970 */
export function bucketExpiry(bucket: string, retentionS: number): number {
  const [year, month] = bucket.split("-").map(Number) as [number, number];
  return Date.UTC(year, month, 1) / 1_000 + retentionS;
}
