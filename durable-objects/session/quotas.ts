// Buckets of their own for what could be used to learn or to spoil much: beside the user's requests, and kept over a sleep,
// because who waits ten seconds must not begin with full ones. Searches of messages only cost work: theirs are not worth a commit.
import { type Admission, type Bucket, type BucketRule, decideAdmission } from "../../domain/rate-limit.ts";
import { FIND_BURST, FIND_RATE, HANDLE_BURST, HANDLE_RATE, HANDLE_TRY_BURST, HANDLE_TRY_RATE, REPORT_BURST, REPORT_RATE, SEARCH_ALL_BURST, SEARCH_ALL_RATE, SEARCH_BURST, SEARCH_RATE } from "../../protocol/limits.ts";
import type { Quota } from "../../protocol/rpc.ts";
import { count } from "../platform/metrics.ts";
import type { SessionCore } from "./core.ts";
import type { HandleQuota } from "./profile.ts";

const DAY_S = 86_400;
const PASSING: ReadonlySet<string> = new Set<Quota>(["search", "search_all"]);

export class Quotas {
  private readonly core: SessionCore;
  private buckets: Record<string, Bucket> | null = null;

  constructor(core: SessionCore) {
    this.core = core;
  }

  take(quota: Quota | HandleQuota): Admission {
    const now = Date.now();
    const buckets = { ...(this.buckets ?? this.core.users.readQuotas()) };
    let taken: Admission = { ok: true, bucket: { tokens: 0, at: now } };
    for (const [name, rule] of this.rulesOf(quota)) {
      if (!taken.ok) break;
      taken = decideAdmission(buckets[name] ?? null, rule, now);
      buckets[name] = taken.bucket;
    }
    if (!taken.ok) count("rate_limited");
    else if (!PASSING.has(quota)) this.core.users.commitQuotas(buckets);
    this.buckets = buckets;
    return taken;
  }

  private rulesOf(quota: Quota | HandleQuota): [string, BucketRule][] {
    const { searches_per_day, rate_limit } = this.core.settings;
    // What a deployment lifts for all requests it lifts for these.
    const searching = (rate: number, burst: number): BucketRule => ({ rate: rate_limit === 0 ? 0 : rate, burst });
    switch (quota) {
      case "find": return [["find", { rate: FIND_RATE, burst: FIND_BURST }], ["find_day", { rate: searches_per_day / DAY_S, burst: searches_per_day }]];
      case "search": return [["search", searching(SEARCH_RATE, SEARCH_BURST)]];
      case "search_all": return [["search_all", searching(SEARCH_ALL_RATE, SEARCH_ALL_BURST)]];
      case "report": return [["report", { rate: REPORT_RATE, burst: REPORT_BURST }]];
      case "handle_try": return [["handle_try", { rate: HANDLE_TRY_RATE, burst: HANDLE_TRY_BURST }]];
      case "handle": return [["handle", { rate: HANDLE_RATE, burst: HANDLE_BURST }]];
    }
  }
}
