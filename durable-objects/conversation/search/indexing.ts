// Brings messages into the index and keeps deleted words out of it: behind the appends, in turns that are bounded. Nothing of an
// end-to-end encrypted conversation is ever indexed.
import { decideIndexDue, planIndexStep } from "../../../domain/indexing.ts";
import { tokensOf } from "../../../domain/search/tokens.ts";
import { sentAtOf } from "../../../protocol/msg-id.ts";
import type { Settings } from "../../../protocol/settings.ts";
import { count } from "../../platform/metrics.ts";
import type { ConversationState } from "../state.ts";
import type { ConversationStore } from "../store.ts";
import type { SearchMarks } from "../store/search.ts";
import { type Document, documentsOf } from "./documents.ts";
import { senderToken } from "./expression.ts";

/** Events and bytes of one commit, and commits of one alarm. */
const STEP_EVENTS = 256;
const STEP_BYTES = 512 * 1024;
const STEPS = 20;

export interface IndexPorts {
  settings(): Settings;
  now(): number;
  /** Lets what waits at the object go first. */
  pause(): Promise<void>;
}

export class Indexing {
  private readonly store: ConversationStore;
  private readonly state: ConversationState;
  private readonly ports: IndexPorts;
  private readonly marks: SearchMarks;
  private first: { seq: number; at: number } | null = null;
  /** Grows with each deletion: a merge that began before it has not taken its words. */
  private forgets = 0;
  private wanted = false;
  /** Tokens of what is not indexed yet, by its event: most of a search's work, were they made anew each time. */
  private scanned = new Map<number, readonly string[]>();

  constructor(store: ConversationStore, state: ConversationState, ports: IndexPorts) {
    this.store = store;
    this.state = state;
    this.ports = ports;
    this.marks = store.search.readMarks();
  }

  /** Events up to here are found through the index. */
  get indexedSeq(): number {
    return this.marks.indexed_seq;
  }

  /** Up to where nothing is lost to search when a body goes. */
  get prunableSeq(): number {
    return this.isOn ? this.marks.indexed_seq : Number.POSITIVE_INFINITY;
  }

  private get isOn(): boolean {
    return this.state.record.encryption === "none";
  }

  due(now: number): number | null {
    const { head, marks } = this.state;
    if (!this.isOn || this.indexedSeq >= head.seq) return null;
    if (this.wanted) return now;
    return decideIndexDue({ head_seq: head.seq, indexed_seq: this.indexedSeq, archived_seq: marks.archived_seq }, this.firstWaiting(), this.ports.settings(), now);
  }

  /** ms of the first event that is not indexed: asked with every append, so read once per step. */
  private firstWaiting(): number | null {
    const seq = this.indexedSeq + 1;
    if (this.first?.seq !== seq) {
      const msgId = this.store.readMsgId(seq);
      this.first = msgId === null ? null : { seq, at: sentAtOf(msgId) };
    }
    return this.first?.at ?? null;
  }

  /** More waits than can be looked through: it is indexed as soon as may be. */
  hurry(): void {
    this.wanted = true;
  }

  /** What of the messages behind the index is to be found, and what the index has older words of. */
  scan(): { docs: (Document & { tokens: readonly string[] })[]; changed: number[] } {
    const { docs, changed } = documentsOf(this.store, this.store.search.readTail(this.indexedSeq + 1));
    const scanned = docs.map((doc) => ({ ...doc, tokens: this.scanned.get(doc.event_seq) ?? textsOf(doc.content) }));
    // Nothing stays in memory of what was deleted.
    this.scanned = new Map(scanned.map(({ event_seq, tokens }) => [event_seq, tokens]));
    return { docs: scanned, changed };
  }

  /** A long backlog, as an older version leaves one, goes in several alarms: the rest is due again at once. */
  async run(): Promise<void> {
    for (let step = 0; step < STEPS; step += 1) {
      if (step > 0) await this.ports.pause();
      if ((this.due(this.ports.now()) ?? Number.POSITIVE_INFINITY) > this.ports.now()) return;
      this.step();
    }
  }

  /** The next events, in one commit with how far they go. */
  step(): void {
    const { store } = this;
    const from = this.indexedSeq + 1;
    const take = planIndexStep(store.search.readSizes(from, STEP_EVENTS), STEP_BYTES);
    const rows = store.readRange(from, from + take - 1, take, "asc");
    const to = rows.at(-1)?.seq;
    if (to === undefined) return;
    const { docs, changed, deleted } = documentsOf(store, rows);
    // Code of before the index deletes without knowing of it.
    const kept = store.search.exists ? store.search.readIndexed(deleted) : [];
    if (kept.length > 0) store.sql.transaction(() => this.forget(kept));
    const indexed = docs.map(({ seq, sender_id, content }) => ({ seq, content: textsOf(content).join(" "), sender: senderToken(sender_id) }));
    store.search.commitIndexed(to, changed, indexed.filter(({ content }) => content !== ""));
    this.marks.indexed_seq = to;
    if (to >= this.state.head.seq) this.wanted = false;
    count("messages_indexed", docs.length);
  }

  /** Within the commit that takes the content of these events: their words go with it. */
  forget(seqs: readonly number[]): void {
    const { search } = this.store;
    const indexed = seqs.filter((seq) => seq <= this.indexedSeq);
    if (indexed.length === 0 || !this.isOn || !search.exists) return;
    const now = this.ports.now();
    search.commitForgotten(indexed, now);
    this.marks.untidy_since ??= now;
    this.forgets += 1;
  }

  /** A deletion is rarely alone, and each merge writes the whole index: they wait for one another. */
  tidyDue(now: number): number | null {
    const since = this.marks.untidy_since;
    return since === null ? null : Math.max(now, since + this.ports.settings().search_tidy_after_ms);
  }

  /** Takes what deletions have left in the index's pages, and in those that were freed. Begins anew after a crash. */
  async tidy(): Promise<void> {
    if (this.marks.untidy_since === null) return;
    const { search } = this.store;
    const [forgets, bytes] = [this.forgets, search.readIndexBytes()];
    for (let more = search.mergeStep(true); more; more = search.mergeStep(false)) await this.ports.pause();
    search.takeFreed(bytes);
    await this.ports.pause();
    search.giveFreed();
    // What was deleted meanwhile may lie in pages that were merged before.
    if (this.forgets !== forgets) return;
    search.commitTidy();
    this.marks.untidy_since = null;
    count("index_merges");
  }
}

function textsOf(content: string): string[] {
  return tokensOf(content).map(({ text }) => text);
}
