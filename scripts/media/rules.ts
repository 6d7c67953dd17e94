// The lifecycle rules that media need, and how they differ from those of a bucket. Pure. Rules of others, told by their names, stay as they are.
import type { LifecycleRule } from "@aws-sdk/client-s3";

/** Names of rules that are ours, also of those that an older version has set. */
const OWN = "confab-media-";

export interface Kept {
  /** 0: nothing becomes cold */
  coldDays: number;
  coldClass: string;
  retentionDays: number;
}

/** Held content lies below `h/`, which none of them touches. */
export function wantedRules({ coldDays, coldClass, retentionDays }: Kept): LifecycleRule[] {
  return [
    {
      ID: `${OWN}content`, Status: "Enabled", Filter: { Prefix: "m/" },
      ...(coldDays === 0 ? {} : { Transitions: [{ Days: coldDays, StorageClass: coldClass as NonNullable<LifecycleRule["Transitions"]>[number]["StorageClass"] }] }),
      Expiration: { Days: retentionDays },
    },
    { ID: `${OWN}uploads`, Status: "Enabled", Filter: { Prefix: "up/" }, Expiration: { Days: 1 }, AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } },
  ];
}

export interface Difference {
  added: LifecycleRule[];
  changed: { from: LifecycleRule; to: LifecycleRule }[];
  removed: LifecycleRule[];
  /** Ours that are as they should be. */
  same: LifecycleRule[];
  foreign: LifecycleRule[];
}

export function isOwn({ ID }: LifecycleRule): boolean {
  return ID?.startsWith(OWN) === true;
}

export function differenceOf(present: readonly LifecycleRule[], wanted: readonly LifecycleRule[]): Difference {
  const own = present.filter(isOwn);
  const named = (rule: LifecycleRule) => own.filter(({ ID }) => ID === rule.ID);
  const first = (rule: LifecycleRule) => named(rule)[0];
  return {
    added: wanted.filter((rule) => first(rule) === undefined),
    changed: wanted.flatMap((to) => {
      const from = first(to);
      return from === undefined || isSame(from, to) ? [] : [{ from, to }];
    }),
    removed: own.filter((rule) => !wanted.some(({ ID }) => ID === rule.ID) || rule !== first(rule)),
    same: wanted.filter((rule) => named(rule).some((found, i) => i === 0 && isSame(found, rule))),
    foreign: present.filter((rule) => !isOwn(rule)),
  };
}

export function isNone({ added, changed, removed }: Difference): boolean {
  return added.length + changed.length + removed.length === 0;
}

/** Foreign ones first, in their order: nothing of them moves. */
export function withWanted({ foreign }: Difference, wanted: readonly LifecycleRule[]): LifecycleRule[] {
  return [...foreign, ...wanted];
}

/** Rules of others that delete or move what is held, or content before its time: whatever is below "" is below `h/` too. */
export function overlaps({ foreign }: Difference): LifecycleRule[] {
  return foreign.filter((rule) => {
    const touches = ["m/", "h/"].some((prefix) => prefix.startsWith(prefixOf(rule)) || prefixOf(rule).startsWith(prefix));
    return rule.Status === "Enabled" && touches && (rule.Expiration?.Days !== undefined || rule.Expiration?.Date !== undefined);
  });
}

export function prefixOf({ Filter, Prefix }: LifecycleRule): string {
  return Filter?.Prefix ?? Filter?.And?.Prefix ?? Prefix ?? "";
}

/** A store may give a rule back in an older form, with its parts in another order, or with what is empty. */
function isSame(a: LifecycleRule, b: LifecycleRule): boolean {
  return canonical(a) === canonical(b);
}

function canonical(rule: LifecycleRule): string {
  const { ID: _id, Filter, Prefix: _prefix, Status, Transitions = [], Expiration, AbortIncompleteMultipartUpload, ...rest } = rule;
  const { Prefix: _filtered, And, ...narrower } = Filter ?? {};
  const { Prefix: _both, ...andNarrower } = And ?? {};
  return JSON.stringify(sorted({
    prefix: prefixOf(rule), Status, Transitions: Transitions.map((transition) => JSON.stringify(sorted(transition))).toSorted(),
    Expiration: { ...Expiration, ExpiredObjectDeleteMarker: Expiration?.ExpiredObjectDeleteMarker === true ? true : undefined },
    AbortIncompleteMultipartUpload, rest, narrower, andNarrower,
  }));
}

/** Without what is absent or empty. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map(sorted);
  if (value instanceof Date) return value.toISOString();
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([name, part]) => [name, sorted(part)] as const).filter(([, part]) => part !== undefined);
  return entries.length === 0 ? undefined : Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** One line: `confab-media-content m/*: STANDARD_IA after 90 days, deleted after 365 days`. */
export function describe(rule: LifecycleRule): string {
  const { ID = "(no name)", Status, Transitions = [], Expiration, AbortIncompleteMultipartUpload } = rule;
  const parts = [
    ...Transitions.map(({ StorageClass, Days, Date: at }) => `${StorageClass} ${Days === undefined ? `on ${at?.toISOString()}` : `after ${days(Days)}`}`),
    ...(Expiration?.Days === undefined ? [] : [`deleted after ${days(Expiration.Days)}`]),
    ...(Expiration?.Date === undefined ? [] : [`deleted on ${Expiration.Date.toISOString()}`]),
    ...(AbortIncompleteMultipartUpload?.DaysAfterInitiation === undefined ? [] : [`unfinished uploads aborted after ${days(AbortIncompleteMultipartUpload.DaysAfterInitiation)}`]),
  ];
  return `${ID} ${prefixOf(rule)}*: ${parts.join(", ") || "does something else"}${Status === "Enabled" ? "" : " (disabled)"}`;
}

function days(count: number): string {
  return count === 1 ? "1 day" : `${count} days`;
}
