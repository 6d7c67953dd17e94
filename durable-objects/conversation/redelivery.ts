// Redelivery: a live member whose delivered watermark is behind what was pushed gets it again after 3, 10, 30 and 90 s.
// Until the first time this lives in memory: the alarm that every append sets for its settle comes just as early.
import type { Stay } from "../../domain/membership.ts";
import { AGAIN_MAX_MS, againAfter } from "../../domain/redelivery.ts";
import { count } from "../platform/metrics.ts";
import type { ConversationState } from "./state.ts";
import type { ReceiptsStore, UnacknowledgedRecord } from "./store/receipts.ts";

/** Members that one run of the task serves. */
const RUN = 100;

export interface RedeliveryPorts {
  now(): number;
  arm(): void;
  deliveredTo(stay: Stay): number;
  /** Do devices have to acknowledge what they get? */
  expected(): boolean;
  /** Pushes what is behind `delivered` again. False: nobody is there any more. */
  again(stay: Stay, delivered: number): Promise<boolean>;
}

interface Pushed {
  seq: number;
  /** ms of the oldest push that nobody acknowledged, or of the last receipt */
  at: number;
}

export class Redelivery {
  private readonly rows: ReceiptsStore;
  private readonly state: ConversationState;
  private readonly ports: RedeliveryPorts;
  /** Never sent again so far; the longest wait first. */
  private readonly pushes = new Map<string, Pushed>();
  private readonly again: Map<string, UnacknowledgedRecord>;

  constructor(rows: ReceiptsStore, state: ConversationState, ports: RedeliveryPorts) {
    this.rows = rows;
    this.state = state;
    this.ports = ports;
    this.again = new Map(rows.readUnacknowledged().map((row) => [row.user_id, row]));
  }

  /** A live session took these events. */
  pushed(stay: Stay, seq: number): void {
    if (!this.ports.expected() || this.again.has(stay.user_id) || this.ports.deliveredTo(stay) >= seq) return;
    const known = this.pushes.get(stay.user_id);
    if (known !== undefined) known.seq = Math.max(known.seq, seq);
    else this.pushes.set(stay.user_id, { seq, at: this.ports.now() });
    if (this.pushes.size === 1) this.ports.arm();
  }

  /** A receipt begins the waiting anew for what it left. */
  acknowledged(userId: string, delivered: number): void {
    const pushed = this.pushes.get(userId);
    const behind = this.again.delete(userId) ? this.state.head.seq : (pushed?.seq ?? 0);
    if (pushed === undefined && behind === 0) return;
    if (pushed === undefined) this.rows.commitUnacknowledged([], [userId]);
    this.pushes.delete(userId);
    if (behind > delivered) this.pushes.set(userId, { seq: behind, at: this.ports.now() });
  }

  /** ms; null while nobody is behind. */
  due(now: number): number | null {
    const [first] = this.pushes.values();
    const dues = [...this.again.values()].map(({ due_at }) => (due_at > now + AGAIN_MAX_MS ? now : due_at));
    if (first !== undefined) dues.push(Math.min(first.at, now) + (againAfter(0) as number));
    return dues.length === 0 ? null : Math.min(...dues);
  }

  async run(now: number): Promise<void> {
    const first = againAfter(0) as number;
    const fresh = [...this.pushes].filter(([, { at }]) => at > now || at + first <= now)
      .map(([user_id, pushed]) => ({ row: { user_id, attempts: 0, due_at: now }, pushed }));
    const late = [...this.again.values()].filter(({ due_at }) => due_at <= now || due_at > now + AGAIN_MAX_MS).map((row) => ({ row, pushed: null }));
    const served = await Promise.all([...late, ...fresh].slice(0, RUN).map(async (one) => ({ ...one, next: await this.serve(one.row, now) })));
    // A receipt that came meanwhile has ended the waiting.
    const done = served.filter(({ row, pushed }) => (pushed === null ? this.again.get(row.user_id) === row : this.pushes.get(row.user_id) === pushed));
    for (const { row, next } of done) {
      this.pushes.delete(row.user_id);
      if (next === null) this.again.delete(row.user_id);
      else this.again.set(row.user_id, next);
    }
    this.rows.commitUnacknowledged(
      done.map(({ next }) => next).filter((next) => next !== null),
      done.filter(({ pushed, next }) => pushed === null && next === null).map(({ row }) => row.user_id),
    );
  }

  private async serve(row: UnacknowledgedRecord, now: number): Promise<UnacknowledgedRecord | null> {
    const stay = this.state.members.get(row.user_id);
    if (stay === undefined) return null;
    const delivered = this.ports.deliveredTo(stay);
    if (delivered >= this.state.head.seq || !(await this.ports.again(stay, delivered))) return null;
    count("redeliveries");
    const wait = againAfter(row.attempts + 1);
    return wait === null ? null : { user_id: row.user_id, attempts: row.attempts + 1, due_at: now + wait };
  }
}
