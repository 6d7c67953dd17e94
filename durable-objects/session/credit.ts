// What each socket was pushed and has not acknowledged. In memory; that a device is without credit also stands in its attachment.
// Without credit it gets no events, no presence and no typing, and of everything else that is news the newest only.
import { type Account, type Amount, type CreditRule, decidePush, decideRegain, less, newAccount, sum } from "../../domain/credit.ts";
import type { DownFrame } from "../../protocol/frames/down.ts";
import type { Head } from "../../protocol/frames/sync.ts";
import type { Run } from "./device.ts";

/** Heads and statuses that are kept for one device. */
const KEPT = 1_000;

interface Ledger {
  account: Account;
  /** By conversation, in the order of pushing. */
  runs: Map<string, { to_seq: number; amount: Amount }[]>;
  /** The newest seq that was pushed or withheld, or that it had: what is sent again counts once. */
  reached: Map<string, number>;
  /** Heads of what was withheld. */
  heads: Map<string, Head>;
  news: Map<string, DownFrame>;
}

export interface CreditPorts {
  rule(): CreditRule;
  /** A seq that is surely there; 0 where nothing is known. */
  headOf(conversationId: string): number;
  /** Conversations that have settled since then, ms: what a woken object no longer knows. */
  settledSince(at: number): Head[];
}

/** `tell`: the credit is gone with this one, and the device must hear of it. */
export type Verdict = "push" | "tell" | "withhold" | "close";

export class Credit<S extends object> {
  private readonly ledgers = new WeakMap<S, Ledger>();
  private readonly ports: CreditPorts;

  constructor(ports: CreditPorts) {
    this.ports = ports;
  }

  isStarved(socket: S): boolean {
    return this.ledgers.get(socket)?.account.starved === true;
  }

  /** A socket that was without credit when this object went to sleep: its first receipt clears it. */
  restore(socket: S): void {
    this.ledger(socket).account.starved = true;
  }

  /** @param free what the device may have long acknowledged: it is no debt */
  push(socket: S, run: Run, head: Head, free = false): Verdict {
    const ledger = this.ledger(socket);
    const { account } = ledger;
    const amount = free ? { events: 0, bytes: 0 } : this.amountOf(ledger, run);
    const decision = decidePush(account, this.ports.rule(), amount);
    if (decision === "push") {
      note(ledger, run, amount);
      return "push";
    }
    keep(ledger.reached, run.conversation_id, Math.max(run.to_seq, ledger.reached.get(run.conversation_id) ?? 0));
    keep(ledger.heads, head.conversation_id, head);
    account.withheld = sum(account.withheld, amount);
    const verdict = decision === "close" ? "close" : account.starved ? "withhold" : "tell";
    account.starved = true;
    return verdict;
  }

  /** True for a device without credit, which will be told of this head later. */
  misses(socket: S, head: Head): boolean {
    if (!this.isStarved(socket)) return false;
    keep(this.ledger(socket).heads, head.conversation_id, head);
    return true;
  }

  /** Pushed whatever the credit: what a device asked for. */
  pushed(socket: S, run: Run): void {
    const ledger = this.ledger(socket);
    note(ledger, run, this.amountOf(ledger, run));
  }

  /** Everything up to here it says that it has: what of that is pushed again is no debt, as it may never be acknowledged again. */
  has(socket: S, conversationId: string, seq: number): void {
    const { reached } = this.ledger(socket);
    const known = reached.get(conversationId) ?? 0;
    if (seq > known) keep(reached, conversationId, Math.max(known, Math.min(seq, this.ports.headOf(conversationId))));
  }

  private amountOf({ reached }: Ledger, { conversation_id, to_seq, events, bytes }: Run): Amount {
    const fresh = Math.max(0, Math.min(events, to_seq - (reached.get(conversation_id) ?? 0)));
    return { events: fresh, bytes: (bytes * fresh) / Math.max(1, events) };
  }

  /** What goes to a device now; what is news and must wait is kept, the newest of each kind. */
  passing(socket: S, frames: readonly DownFrame[]): readonly DownFrame[] {
    if (!this.isStarved(socket)) return frames;
    const { news } = this.ledger(socket);
    return frames.filter((frame) => {
      const key = newsKey(frame);
      if (key !== null) keep(news, key, frame);
      return key === null && frame.type !== "presence" && frame.type !== "typing";
    });
  }

  /** A receipt. Gives what the device must hear where it has credit again; null else. */
  acknowledged(socket: S, conversationId: string, seq: number, starvedAt: number | undefined): DownFrame[] | null {
    const ledger = this.ledger(socket);
    const { account, runs } = ledger;
    const behind = (runs.get(conversationId) ?? []).filter((run) => {
      if (run.to_seq <= seq) account.pushed = less(account.pushed, run.amount);
      return run.to_seq > seq;
    });
    if (behind.length > 0) runs.set(conversationId, behind);
    else runs.delete(conversationId);
    this.has(socket, conversationId, seq);
    account.withheld = { events: 0, bytes: 0 };
    if ((ledger.heads.get(conversationId)?.head_seq ?? Number.POSITIVE_INFINITY) <= seq) ledger.heads.delete(conversationId);
    if (!decideRegain(account, this.ports.rule())) return null;
    account.starved = false;
    const heads = new Map(starvedAt === undefined ? [] : this.ports.settledSince(starvedAt).map((head) => [head.conversation_id, head]));
    for (const [id, head] of ledger.heads) heads.set(id, head);
    const given: DownFrame[] = heads.size === 0 ? [] : [{ type: "sync_required", conversations: [...heads.values()] }];
    given.push(...ledger.news.values());
    ledger.heads.clear();
    ledger.news.clear();
    return given;
  }

  /** It asks for what it lacks by itself: all is restored. "close": it has done so for a whole credit, and acknowledged nothing. */
  resumed(socket: S): DownFrame[] | "close" {
    const ledger = this.ledger(socket);
    const { account, news } = ledger;
    const written = { ...newAccount(), withheld: sum(account.withheld, account.pushed) };
    if (decidePush({ ...written, starved: true }, this.ports.rule(), { events: 0, bytes: 0 }) === "close") return "close";
    this.ledgers.set(socket, { account: written, runs: new Map(), reached: new Map(), heads: new Map(), news: new Map() });
    return [...news.values()];
  }

  private ledger(socket: S): Ledger {
    const known = this.ledgers.get(socket);
    if (known !== undefined) return known;
    const made = { account: newAccount(), runs: new Map(), reached: new Map(), heads: new Map(), news: new Map() };
    this.ledgers.set(socket, made);
    return made;
  }
}

function note({ account, runs, reached }: Ledger, { conversation_id, to_seq }: Run, amount: Amount): void {
  account.pushed = sum(account.pushed, amount);
  keep(reached, conversation_id, Math.max(to_seq, reached.get(conversation_id) ?? 0));
  const known = runs.get(conversation_id);
  if (known === undefined) runs.set(conversation_id, [{ to_seq, amount }]);
  else known.push({ to_seq, amount });
}

/** Of frames with one key only the newest says anything; null: each stands for itself. */
function newsKey(frame: DownFrame): string | null {
  if (frame.type === "inbox") return `inbox ${frame.conversation.conversation_id}`;
  if (frame.type !== "status") return null;
  return "user_id" in frame ? `${frame.conversation_id} ${frame.status} ${frame.user_id}` : `${frame.conversation_id} ${frame.msg_id}`;
}

function keep<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  const oldest = map.keys().next().value;
  if (map.size > KEPT && oldest !== undefined) map.delete(oldest);
}
