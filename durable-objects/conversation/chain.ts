// The conversation's hash chain. It follows sealing, off the append path: a segment's plan commits the chain at its end. What
// a version without chains has sealed is caught up with in steps, from the hashes that rows keep for life.
import type { ChainQuery, ChainState, EventLink } from "../../protocol/chain-calls.ts";
import { type ChainLink, chainOver, chainStart } from "../../protocol/chain.ts";
import { sha256Hex, toHex } from "../platform/hash.ts";
import { contentHash } from "./encode.ts";
import { isErased } from "./erasure.ts";
import type { EventRecord } from "./records.ts";
import type { ConversationState } from "./state.ts";
import type { ConversationStore } from "./store.ts";
import { type Checkpoint, ChainStore } from "./store/chain.ts";

/** Events that one commit of the catching up covers, and commits of one alarm. */
const STEP = 500;
const STEPS = 20;
/** Of one answer. */
export const LINKS_MAX = 500;
const CHECKPOINTS_MAX = 500;

export class Chain {
  private readonly store: ConversationStore;
  private readonly state: ConversationState;
  private readonly rows: ChainStore;
  private last: Checkpoint;

  constructor(store: ConversationStore, state: ConversationState) {
    this.store = store;
    this.state = state;
    this.rows = new ChainStore(store.sql);
    this.last = this.rows.readLast() ?? { seq: 0, chain: chainStart(state.record.conversation_id, sha256Hex) };
  }

  /** Everything up to here is chained. */
  get seq(): number {
    return this.last.seq;
  }

  /** Within the commit of a plan: the links follow what is chained. */
  commit(links: readonly ChainLink[]): void {
    const first = links[0];
    const end = links.at(-1);
    if (first === undefined || end === undefined) return;
    if (first.seq !== this.last.seq + 1) throw new Error(`the chain stands at ${this.last.seq}, not before ${first.seq}`);
    const checkpoint = { seq: end.seq, chain: chainOver(this.last.chain, links, sha256Hex) };
    this.rows.commitCheckpoint(checkpoint);
    this.last = checkpoint;
  }

  /** The chain at both ends of a run; null where it was sealed without one. */
  ends(from: number, to: number): { chain_before: string; chain: string } | null {
    const before = from === 1 ? chainStart(this.state.record.conversation_id, sha256Hex) : this.rows.readAt(from - 1);
    const chain = this.rows.readAt(to);
    return before === null || chain === null ? null : { chain_before: before, chain };
  }

  /** Goes on to `to`, some steps at a time: a long backlog takes several alarms. */
  catchUp(to: number): void {
    for (let step = 0; step < STEPS && this.last.seq < to; step += 1) {
      this.commit(this.store.readRange(this.last.seq + 1, Math.min(to, this.last.seq + STEP), STEP, "asc").map((row) => linkOf(this.state.record, row)));
    }
  }

  /** What the audit compares the archive with. */
  read({ after }: Pick<ChainQuery, "after">): ChainState {
    const { record, head, marks } = this.state;
    return {
      epoch: record.epoch, head_seq: head.seq, archived_seq: marks.archived_seq, chained_seq: this.last.seq,
      checkpoints: this.rows.readAfter(after, CHECKPOINTS_MAX),
    };
  }

  links(from: number, to: number): EventLink[] {
    return this.store.readRange(from, to, LINKS_MAX, "asc").map((row) => ({
      ...linkOf(this.state.record, row), type: row.type, sender_id: row.sender_id, client_msg_id: row.client_msg_id,
      msg_no: row.type === "msg" ? row.msg_no : null, erased: isErased(row),
    }));
  }
}

function linkOf(place: { conversation_id: string; epoch: number }, row: EventRecord): ChainLink {
  return { seq: row.seq, msg_id: row.msg_id, content_hash: row.content_hash === null ? contentHash(place, row) : toHex(row.content_hash) };
}
