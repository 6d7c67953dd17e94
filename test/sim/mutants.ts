// Faults that somebody could make, each as one text of the product that becomes another, and the seed with which the simulation
// finds it. The simulation knows nothing of them.
import type { Patch } from "./build.ts";

export interface Mutant extends Patch {
  name: string;
  /** The first that breaks a rule. */
  seed: number;
}

const conversation = "durable-objects/conversation";

export const MUTANTS: readonly Mutant[] = [
  { name: "a key that is known is taken again", seed: 27, file: "domain/append.ts", text: `if (prior !== null) return { kind: "duplicate", seq: prior };`, becomes: "" },
  { name: "a key is forgotten with its body", seed: 41, file: `${conversation}/store.ts`, text: "UPDATE events SET body = NULL, salt = NULL,", becomes: "UPDATE events SET client_msg_id = NULL, body = NULL, salt = NULL," },
  { name: "the acknowledgement comes before the commit", seed: 1, file: `${conversation}/append.ts`, text: "    this.insert();\n    state.advance", becomes: "    setTimeout(() => this.insert(), 1);\n    state.advance" },
  { name: "a wake arms nothing", seed: 17, file: `${conversation}/opening.ts`, text: "  tasks.arm(Date.now());\n  return", becomes: "  return" },
  { name: "an alarm that has fired counts as set", seed: 1, file: "durable-objects/platform/tasks.ts", text: "    this.armed = null;\n    for", becomes: "    for" },
  { name: "who could not be reached is forgotten", seed: 63, file: `${conversation}/rounds.ts`, text: "this.state.tally(), failed, settled.filter", becomes: "this.state.tally(), [], settled.filter" },
  { name: "a settle forgets one member", seed: 21, file: `${conversation}/rounds.ts`, text: "const stays = [...this.state.members.values(), ", becomes: "const stays = [...[...this.state.members.values()].slice(1), " },
  { name: "one event too many after a stay", seed: 1, file: "domain/delivery.ts", text: "Math.min(head, stay.left_seq ?? head)", becomes: "Math.min(head, (stay.left_seq ?? head) + 1)" },
  { name: "who was removed is pushed to", seed: 1, file: `${conversation}/members.ts`, text: "state.members.delete(change.user_id);", becomes: "void 0;" },
  { name: "a resume leaves one out", seed: 23, file: `${conversation}/resume.ts`, text: "call.cursor.seq + 1, visibleFrom", becomes: "call.cursor.seq + 2, visibleFrom" },
  { name: "receipts go back", seed: 1, file: "domain/receipts.ts", text: "const read_seq = Math.max(marks.read_seq, receipt.read_seq);", becomes: "const read_seq = receipt.read_seq > 0 ? receipt.read_seq : marks.read_seq;" },
  { name: "receipts are told and not stored", seed: 1, file: `${conversation}/receipts.ts`, text: "    this.rows.commitPages((this.book as MarksBook).pagesOf(moved));", becomes: "" },
  { name: "a segment begins one too late", seed: 1, file: `${conversation}/seal.ts`, text: "    const from_seq = this.sealedSeq + 1;", becomes: "    const from_seq = this.sealedSeq + (this.sealedSeq > 2 && this.state.head.seq > this.sealedSeq + 1 ? 2 : 1);" },
  { name: "bodies go before they are archived", seed: 21, file: `${conversation}/seal.ts`, text: "const target = decidePruneTo(this.prunable, head.seq, lastCold, rule);", becomes: "const target = Math.max(0, Math.min(this.sealedSeq, head.seq - rule.hot_events));" },
  { name: "a plan's PUT is not made again", seed: 7, file: `${conversation}/seal.ts`, text: "if (this.segments.some((segment) => !segment.put)) return now;", becomes: "" },
  { name: "an edit is lost in what is shown", seed: 21, file: `${conversation}/shown.ts`, text: "edit === null ? {} : { content: edit.content,", becomes: "edit === null ? {} : {" },
  { name: "the client takes an event twice", seed: 1, file: "client/timeline.ts", text: "if (slot.seq > this.#cursor && !this.#held.has(slot.seq)) this.#hold(slot);", becomes: "if (slot.seq === this.#cursor) this.#cursor -= 1;\n      if (slot.seq > this.#cursor && !this.#held.has(slot.seq)) this.#hold(slot);" },
  { name: "the client drops what flew as the connection ended", seed: 21, file: "client/lane.ts", text: "    for (const sending of flown) sending.flying = false;", becomes: "    this.queue.splice(0, flown.length);" },
  { name: "the client begins a new page behind a hole", seed: 22, file: "client/timeline.ts", text: "Math.min(first.seq, this.#lowestHeld) - 1", becomes: "Math.min(first.seq, this.#lowestHeld)" },
  { name: "a receipt that was lost is not said again", seed: 37, file: "client/receipts.ts", text: "if (mark.told_at >= unsure) mark.told_delivered = 0;", becomes: "" },
  { name: "a poll names no head that gave way", seed: 174, file: "domain/poll.ts", text: "for (const head of [...changed, ...lost]) {", becomes: "for (const head of [...changed.slice(1)]) {" },
  { name: "one event too many before a stay is read", seed: 22, file: "domain/membership.ts", text: `history === "all" ? 1 : stay.joined_seq,`, becomes: `history === "all" ? 1 : stay.joined_seq - 1,` },
  { name: "a hole in the archive is jumped over", seed: 100_025, file: "domain/sealing.ts", text: "if (!segment.acked || segment.from_seq !== reached + 1) break;", becomes: "if (!segment.acked) continue;" },
  { name: "an event of a new epoch is taken for one of the old", seed: 100_020, file: "client/timeline.ts", text: "if (slot.epoch > this.#epoch) {", becomes: "if (slot.epoch > this.#epoch + 100) {" },
  { name: "a settle of a new epoch moves no inbox", seed: 100_023, file: "domain/delivery.ts", text: "if (row === null || epoch > row.epoch) return", becomes: "if (row === null) return" },
];
