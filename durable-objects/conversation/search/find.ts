// Answers a search: from the index what it has, and the events behind it one by one. Changes that are not indexed yet count
// already: of what was edited the new words, of what was deleted none.
import { intersect, type Bounds } from "../../../domain/page.ts";
import { SCANNED_EVENTS } from "../../../domain/indexing.ts";
import { type Stay, visibleRange } from "../../../domain/membership.ts";
import { fits, type Tier, TIERS, tiersOf } from "../../../domain/search/match.ts";
import { parseQuery, type Query } from "../../../domain/search/query.ts";
import type { Refusal } from "../../../protocol/rpc.ts";
import type { SearchCall, SearchReply } from "../../../protocol/rpc/search.ts";
import { showEvents } from "../shown.ts";
import type { EventRecord } from "../records.ts";
import type { ConversationState } from "../state.ts";
import type { ConversationStore } from "../store.ts";
import { seqAtOrAfter, timeBounds } from "../target.ts";
import { matchExpression } from "./expression.ts";
import type { Indexing } from "./indexing.ts";

/** What is looked through one by one: events, and bytes of their bodies. */
const SCAN_EVENTS = 2 * SCANNED_EVENTS;
const SCAN_BYTES = 1024 * 1024;
/** Steps of indexing that a search waits for. */
const STEPS = 4;
const RETRY_MS = 1_000;

interface Place {
  seq: number;
  tier: Tier;
}

export function findMessages(
  store: ConversationStore, state: ConversationState, indexing: Indexing, stay: Stay, call: SearchCall,
): ({ ok: true } & SearchReply) | Refusal {
  if (state.record.encryption === "e2ee") return { ok: false, code: "e2ee_unsupported" };
  const parsed = parseQuery(call.q);
  if (!parsed.ok) return { ok: false, code: "bad_request", message: parsed.message };
  if (call.epoch !== undefined && call.epoch !== state.record.epoch) return { ok: false, code: "epoch_changed" };
  if (!isScannable(store, indexing)) {
    indexing.hurry();
    return { ok: false, code: "unavailable", message: "The index is being made.", retry_after_ms: RETRY_MS };
  }
  const visible = visibleRange(stay, state.record.history);
  const search = new Search(store, indexing.scan(), parsed.query, call, intersect({ from: visible.from, to: Math.min(visible.to, state.head.seq) }, timeBounds(store, state, call)));
  const after = call.after === null ? null : { tier: call.after.tier, seq: seqAtOrAfter(store, state, call.after.msg_id) };
  // One more than the page tells whether there is another page.
  const places = search.places(after, call.limit + 1);
  const page = places.slice(0, call.limit);
  const rows = store.messages.readSeqs(page.map(({ seq }) => seq));
  const events = showEvents(store, state.record, page.map(({ seq }) => rows.get(seq) as EventRecord), visible.from);
  return {
    ok: true, epoch: state.record.epoch, as_of_seq: state.head.seq, more: places.length > page.length,
    hits: events.map((event, i) => ({ tier: TIERS.indexOf((page[i] as Place).tier), event })),
  };
}

/** Indexes ahead where too much waits, as far as one call may. */
function isScannable(store: ConversationStore, indexing: Indexing): boolean {
  for (let step = 0; step <= STEPS; step += 1) {
    const sizes = store.search.readSizes(indexing.indexedSeq + 1, SCAN_EVENTS + 1);
    if (sizes.length <= SCAN_EVENTS && sizes.reduce((sum, size) => sum + size, 0) <= SCAN_BYTES) return true;
    if (step < STEPS) indexing.step();
  }
  return false;
}

class Search {
  private readonly store: ConversationStore;
  private readonly query: Query;
  private readonly call: SearchCall;
  private readonly bounds: Bounds;
  private readonly tiers: Tier[];
  /** What fits behind the index, and what the index has older words of. */
  private readonly scanned: Place[];
  private readonly changed: ReadonlySet<number>;

  constructor(store: ConversationStore, { docs, changed }: ReturnType<Indexing["scan"]>, query: Query, call: SearchCall, bounds: Bounds) {
    this.store = store;
    this.query = query;
    this.call = call;
    this.bounds = bounds;
    // By time alone there is no better and worse.
    this.tiers = call.order === "best" ? tiersOf(query) : ["all"];
    this.changed = new Set(changed);
    this.scanned = docs.flatMap(({ seq, sender_id, tokens }): Place[] => {
      if (seq < bounds.from || seq > bounds.to || (call.sender ?? sender_id) !== sender_id) return [];
      const tier = fits(query, this.tiers, tokens);
      return tier === null ? [] : [{ seq, tier }];
    });
  }

  /** The best first, and of those that fit equally well the newest. */
  places(after: { tier: number; seq: number } | null, limit: number): Place[] {
    const places: Place[] = [];
    for (const tier of this.tiers) {
      const rank = TIERS.indexOf(tier);
      if (after !== null && rank < after.tier) continue;
      const to = after !== null && rank === after.tier ? Math.min(this.bounds.to, after.seq - 1) : this.bounds.to;
      const left = limit - places.length;
      if (left === 0) break;
      const scanned = this.scanned.filter((place) => place.tier === tier && place.seq <= to);
      const found = [...this.indexed(tier, to, left).map((seq) => ({ seq, tier })), ...scanned];
      places.push(...found.toSorted((a, b) => b.seq - a.seq).slice(0, left));
    }
    return places;
  }

  private indexed(tier: Tier, to: number, limit: number): number[] {
    const { search } = this.store;
    if (!search.exists || to < this.bounds.from) return [];
    const expression = matchExpression(this.query, tier, this.tiers, this.call.sender ?? null);
    return search.find(expression, { from: this.bounds.from, to }, limit + this.changed.size).filter((seq) => !this.changed.has(seq)).slice(0, limit);
  }
}
