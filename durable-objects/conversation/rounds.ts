// The rounds that bring everybody to the head: one that moves every inbox, one that makes sure that whoever is there was told,
// and the tries with those who could not be reached. A round ends with one commit.
import type { Stay } from "../../domain/membership.ts";
import { RETRY_MAX_MS, retryDelay } from "../../domain/retry.ts";
import type { DeliverCall } from "../../protocol/rpc.ts";
import type { Settings } from "../../protocol/settings.ts";
import { count } from "../platform/metrics.ts";
import type { Attached } from "./attached.ts";
import type { Modes } from "./modes.ts";
import type { LaggingRecord, NewEvent, Watermarks } from "./records.ts";
import type { ConversationState } from "./state.ts";
import type { ConversationStore } from "./store.ts";

/** Events in which a settle looks for what its recipient has sent: in a large group there may be millions that it does not cover. */
export const LOOK_BACK = 10_000;

export interface RoundsPorts {
  /** Moves a member's inbox to the head. False: the outcome is unknown. */
  settle(stay: Stay, from: number, head: number, sent: DeliverCall["sent"]): Promise<boolean>;
  /** Brings to a session that is there what it lacks up to the head. False: the outcome is unknown. */
  tell(stay: Stay, from: number, head: number): Promise<boolean>;
  /**
   * Says to whoever is not there what of these events may be worth a push. Gives those with whom the outcome is unknown.
   * @param owed who will be settled with them
   */
  offer(from: number, head: number, owed: ReadonlySet<string>): Promise<string[]>;
  /** Pushes to whoever is behind by now. */
  pump(): void;
  settings(): Settings;
  now(): number;
  arm(): void;
}

export class Rounds {
  private readonly store: ConversationStore;
  private readonly state: ConversationState;
  private readonly attached: Attached;
  private readonly modes: Modes;
  private readonly ports: RoundsPorts;
  private settling: Promise<void> | null = null;
  /** The head of the round under way, or of the last one. */
  private settlingTo = 0;
  private settledAt = 0;
  /** Wall clock ms since when events wait to be settled; logical clocks may run ahead of it. */
  private waitingSince: number;
  private lagging: LaggingRecord[];

  constructor(store: ConversationStore, state: ConversationState, attached: Attached, modes: Modes, ports: RoundsPorts) {
    this.store = store;
    this.state = state;
    this.attached = attached;
    this.modes = modes;
    this.ports = ports;
    this.lagging = store.readLagging();
    this.waitingSince = ports.now();
  }

  get owed(): number {
    return this.lagging.length;
  }

  /** The first event that a member may not have been brought, of those that were settled; null: they were brought all. */
  owedFrom(userId: string): number | null {
    return this.lagging.find((row) => row.user_id === userId)?.owed_from ?? null;
  }

  /** In the turn of a commit, before the alarm is set. Says which rounds are to begin at once. */
  begins(events: readonly NewEvent[], urgent: boolean): { settle: boolean; lagging: boolean } {
    const now = this.ports.now();
    const { fanout_seq, told_seq } = this.state.marks;
    const settled = Math.max(fanout_seq, told_seq) === (events[0] as NewEvent).seq - 1;
    this.modes.review();
    const lagging = this.modes.owe(events, now);
    if (lagging) this.lagging = this.store.readLagging();
    const idle = settled && now - this.settledAt >= this.ports.settings().settle_after_ms;
    if (settled) this.waitingSince = now;
    return { settle: this.modes.waiting === "settle" && (idle || urgent), lagging };
  }

  /** ms when everybody must be settled; null while nothing waits. */
  settleDue(): number | null {
    if (this.modes.waiting === "nothing") return null;
    // A clock that was set back must not put it off.
    this.waitingSince = Math.min(this.waitingSince, this.ports.now());
    return this.waitingSince + this.ports.settings().settle_after_ms;
  }

  laggingDue(): number | null {
    const now = this.ports.now();
    return this.lagging.length === 0 ? null : Math.min(...this.lagging.map((row) => (row.due_at > now + RETRY_MAX_MS ? now : row.due_at)));
  }

  /** Is a settle up to this seq still to begin? */
  settles(seq: number): boolean {
    return this.modes.waiting === "settle" && seq > Math.max(this.state.marks.fanout_seq, this.settlingTo);
  }

  /** Settles everybody to the head; in a mode that writes no inboxes, makes sure that everybody who is there was told of it. */
  async settle(): Promise<void> {
    await this.alone(() => {
      const { waiting } = this.modes;
      if (waiting === "nothing") return Promise.resolve();
      return waiting === "settle" ? this.settleRound() : this.tellRound();
    });
    this.ports.pump();
  }

  private async tellRound(): Promise<void> {
    const { marks, head: { seq: head } } = this.state;
    const from = Math.max(marks.told_seq, marks.fanout_seq) + 1;
    this.waitingSince = this.ports.now();
    const failed: LaggingRecord[] = [];
    await Promise.all(this.attached.audience(this.modes.mode, this.ports.now()).map(async ({ user_id }) => {
      const stay = this.state.members.get(user_id);
      if (stay === undefined) return;
      if (!(await this.ports.tell(stay, from, head))) failed.push(this.owing(user_id, from, 1));
    }));
    const owed = new Set([...this.lagging, ...failed].map(({ user_id }) => user_id));
    for (const userId of await this.ports.offer(from, head, owed)) failed.push(this.owing(userId, from, 1));
    this.commit({ told_seq: head }, failed, [], head);
  }

  /** One round at a time: what one finds out about a member, another must not undo. */
  private async alone(round: () => Promise<void>): Promise<void> {
    while (this.settling !== null) await this.settling;
    this.settling = round().finally(() => {
      this.settling = null;
    });
    await this.settling;
  }

  private async settleRound(): Promise<void> {
    const { fanout_seq } = this.state.marks;
    const head = this.state.head.seq;
    this.settlingTo = head;
    // What comes in from here on waits since now: counted from what this round settles, the next round would follow at once.
    this.waitingSince = this.ports.now();
    const stays = [...this.state.members.values(), ...this.store.readDeparted(fanout_seq).filter((stay) => !this.state.members.has(stay.user_id))];
    const sent = this.store.readNewestSent(Math.max(fanout_seq + 1, head - LOOK_BACK), head);
    const failed: LaggingRecord[] = [];
    const settled: string[] = [];
    await Promise.all(stays.map(async (stay) => {
      const behind = this.lagging.find((row) => row.user_id === stay.user_id);
      const from = behind?.owed_from ?? fanout_seq + 1;
      const ok = await this.ports.settle(stay, from, head, sent.get(stay.user_id) ?? null);
      if (!ok) failed.push(this.owing(stay.user_id, from, (behind?.attempts ?? 0) + 1));
      else if (behind !== undefined) settled.push(stay.user_id);
    }));
    count("settles");
    this.commit({ fanout_seq: head }, failed, settled, head);
  }

  /** Tries again with those whose settle failed. */
  async settleLagging(now: number): Promise<void> {
    await this.alone(() => this.laggingRound(now));
  }

  private async laggingRound(now: number): Promise<void> {
    const due = this.lagging.filter((row) => row.due_at <= now || row.due_at > now + RETRY_MAX_MS).slice(0, 100);
    const head = this.modes.mode === "write" ? this.state.marks.fanout_seq : this.state.head.seq;
    const failed: LaggingRecord[] = [];
    const settled: string[] = [];
    await Promise.all(due.map(async (row) => {
      const stay = this.store.readStay(row.user_id);
      const sent = this.store.readNewestSent(Math.max(row.owed_from, head - LOOK_BACK), head).get(row.user_id) ?? null;
      const ok = stay === null || (await this.ports.settle(stay, row.owed_from, head, sent));
      if (ok) settled.push(row.user_id);
      else failed.push(this.owing(row.user_id, row.owed_from, row.attempts + 1));
    }));
    this.commit({}, failed, settled, head);
  }

  /** @param head what was settled, or told */
  private commit(reached: Partial<Pick<Watermarks, "fanout_seq" | "told_seq">>, failed: LaggingRecord[], settled: string[], head: number): void {
    const { fanout_seq, told_seq } = { ...this.state.marks, ...reached };
    const marks = { fanout_seq, told_seq: Math.max(fanout_seq, told_seq) };
    this.store.commitSettled(marks, this.state.tally(), failed, settled.filter((userId) => this.modes.pays(userId, head)));
    Object.assign(this.state.marks, marks);
    this.settledAt = this.ports.now();
    this.attached.save(this.ports.now());
    this.lagging = this.store.readLagging();
    this.ports.arm();
  }

  private owing(userId: string, owedFrom: number, attempts: number): LaggingRecord {
    return { user_id: userId, owed_from: owedFrom, due_at: this.ports.now() + retryDelay(attempts, Math.random()), attempts };
  }
}
