// A token bucket: `burst` requests at once, then `rate` a second.

export interface Bucket {
  tokens: number;
  /** ms */
  at: number;
}

export interface BucketRule {
  /** per second */
  rate: number;
  /** requests at once; 0 for no limit, as is a rate of 0 */
  burst: number;
}

export type Admission = { ok: true; bucket: Bucket } | { ok: false; bucket: Bucket; retry_after_ms: number };

/**
 * @param bucket null: a full one
 * @param cost requests asked for at once; more than `burst` can never be had together
 */
export function decideAdmission(bucket: Bucket | null, rule: BucketRule, now: number, cost = 1): Admission {
  if (rule.rate === 0 || rule.burst === 0) return { ok: true, bucket: { tokens: rule.burst, at: now } };
  const elapsed = bucket === null ? 0 : Math.max(0, now - bucket.at);
  const tokens = bucket === null ? rule.burst : Math.min(rule.burst, bucket.tokens + (elapsed * rule.rate) / 1_000);
  if (tokens >= cost) return { ok: true, bucket: { tokens: tokens - cost, at: now } };
  return { ok: false, bucket: { tokens, at: now }, retry_after_ms: Math.ceil(((cost - tokens) * 1_000) / rule.rate) };
}
