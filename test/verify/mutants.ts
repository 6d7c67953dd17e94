// Broken builds, each by the smallest change that breaks one promise, and the violation by which verify must name it. The first
// four are caught in every `npm test`, all of them in its long form.
import { type Edit, type Patch, patchOnce } from "../../scripts/build.ts";
import type { Code } from "../../verify/violation.ts";

export interface Mutant {
  name: string;
  code: Code;
  patch: Patch;
  /** For builds in several versions, between which deploys switch. */
  edits: readonly Edit[];
}

const APPEND = "durable-objects/conversation/append.ts";
const SEAL = "durable-objects/conversation/seal.ts";

function mutant(name: string, code: Code, ...edits: Omit<Edit, "name">[]): Mutant {
  const named = edits.map((edit) => ({ name, ...edit }));
  return { name, code, edits: named, patch: patchOnce(...named) };
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

/** Only in the long form: they need more traffic, changes of members, several kills, or an eviction in the right moment. */
export const LONG_MUTANTS: readonly Mutant[] = [
  mutant("a membership that begins one event too early", "leaked",
    { file: "domain/membership.ts", find: 'history === "all" ? 1 : stay.joined_seq,', replace: 'history === "all" ? 1 : stay.joined_seq - 1,' }),
  mutant("a membership that does not end", "leaked",
    { file: "durable-objects/conversation/members.ts", find: 'if (change.kind === "remove") state.members.delete(change.user_id);', replace: 'if (change.kind === "remove") void 0;' }),
  mutant("receipts told and not stored", "regressed",
    { file: "durable-objects/conversation/receipts.ts", find: "    this.rows.commitPages((this.book as MarksBook).pagesOf(moved));\n", replace: "" }),
  mutant("receipts for one message more", "receipt",
    { file: "durable-objects/conversation/receipts.ts", find: "const receipt = { delivered_seq: call.delivered_seq ?? 0, read_seq: call.read_seq ?? 0 };",
      replace: "const receipt = { delivered_seq: Math.min((call.delivered_seq ?? 0) + 1, this.state.head.seq), read_seq: call.read_seq ?? 0 };" }),
  mutant("a batch in the wrong order", "order",
    { file: "durable-objects/session/lanes.ts", find: "const batch = lane.queue.splice(0, fitting(lane.queue));", replace: "const batch = lane.queue.splice(0, fitting(lane.queue)).reverse();" }),
  mutant("numbers that nobody looks at", "order",
    { file: "domain/sequence.ts", find: 'return force ? "gap" : "early";', replace: 'return "turn";' }),
  mutant("a settle that is lost where nobody is there", "unlisted",
    { file: "durable-objects/session/inbox.ts", find: "    if (row === null) return null;\n", replace: "    if (row === null || (before === null && !core.devices.live)) return null;\n" }),
  mutant("an edit that is acknowledged and not shown", "changed",
    { file: "durable-objects/conversation/shown.ts", find: "const change = changed.get(row.seq);", replace: "const change = undefined;" }),
  mutant("a page that leaves out the first event behind its cursor", "hole",
    { file: "durable-objects/conversation/history.ts", find: 'order === "asc" ? { from: position.seq + 1,', replace: 'order === "asc" ? { from: position.seq + 2,' }),
  mutant("keys that are forgotten after thirty events", "duplicate",
    { file: "domain/append.ts", find: 'if (prior !== null) return { kind: "duplicate", seq: prior };', replace: 'if (prior !== null && head.seq - prior < 30) return { kind: "duplicate", seq: prior };' },
    { file: "migrations/conversation.ts", find: "CREATE UNIQUE INDEX events_by_key", replace: "CREATE INDEX events_by_key" }),
];
