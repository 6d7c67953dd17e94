// Broken builds, each by the smallest change that breaks one promise, and the violation by which verify must name it.
import { type Edit, type Patch, patchOnce } from "../../scripts/build.ts";
import type { Code } from "../../verify/violation.ts";

export interface Mutant {
  name: string;
  code: Code;
  patch: Patch;
}

const APPEND = "durable-objects/conversation/append.ts";
const SEAL = "durable-objects/conversation/seal.ts";

function mutant(name: string, code: Code, ...edits: Omit<Edit, "name">[]): Mutant {
  return { name, code, patch: patchOnce(...edits.map((edit) => ({ name, ...edit }))) };
}

export const MUTANTS: readonly Mutant[] = [
  mutant("dedup off", "duplicate",
    { file: "domain/append.ts", find: 'if (prior !== null) return { kind: "duplicate", seq: prior };', replace: "" },
    { file: "migrations/conversation.ts", find: "CREATE UNIQUE INDEX events_by_key", replace: "CREATE INDEX events_by_key" },
  ),
  // All else goes on as if the rows were there, deduplication too: only a crash shows that they are not.
  mutant("ack sent and the insert deferred", "lost",
    { file: APPEND, find: "store.commitEvents(pending);", replace: `
      const late = (store.late ??= new Map());
      for (const event of pending) late.set(event.sender_id + "/" + event.client_msg_id, event);
      setTimeout(() => store.commitEvents(pending), 100);` },
    { file: APPEND, find: "this.fresh.get(item.client_msg_id) ??", replace: 'this.fresh.get(item.client_msg_id) ?? this.store.late?.get(this.call.sender_id + "/" + item.client_msg_id) ??' },
  ),
  mutant("fan-out forgotten after a crash", "unlisted",
    { file: "durable-objects/conversation/life.ts", find: "this.open(await this.ctx.storage.getAlarm());",
      replace: "{ const { state } = this.open(await this.ctx.storage.getAlarm()); state.marks.fanout_seq = state.head.seq; }" },
  ),
  // It is in the bucket, so what could go wrong?
  mutant("bodies pruned before the archive acknowledged them", "seam",
    { file: SEAL, find: "return Math.min(this.state.marks.archived_seq, this.ports.prunableSeq", replace: "return Math.min(this.putSeq, this.ports.prunableSeq" },
    { file: SEAL, find: "bisect(marks.pruned_seq + 1, marks.archived_seq,", replace: "bisect(marks.pruned_seq + 1, this.putSeq," },
    { file: SEAL, find: "  get sealedSeq(): number {", replace: `
      get putSeq() {
        return Math.max(this.state.marks.archived_seq, ...this.segments.filter((segment) => segment.put).map((segment) => segment.to_seq));
      }
      get sealedSeq(): number {` },
  ),
];
