import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Message, type Slot, Timeline } from "../../client/timeline.ts";

const ID = `d.${"0".repeat(64)}`;

function event(seq: number, epoch = 1): Message {
  return { type: "msg", conversation_id: ID, epoch, seq, msg_id: `m${seq}`, sender_id: "ann", sent_at: 1_000 + seq, content: `${seq}`, content_type: "text" };
}

const events = (from: number, to: number, epoch = 1) => Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => event(from + i, epoch));
const seqs = (slots: readonly Slot[]) => slots.map((slot) => slot.seq);
const upTo = (n: number, from = 1) => Array.from({ length: n - from + 1 }, (_, i) => from + i);

/** Answers gaps as history does, until there are none. */
function pullAll(timeline: Timeline, server: Slot[]): number[] {
  const fresh: number[] = [];
  for (let gap = timeline.gap; gap !== null; gap = timeline.gap) {
    const { after, before } = gap;
    const page = server.filter((slot) => slot.seq > after && slot.seq < before).slice(0, 100);
    fresh.push(...seqs(timeline.pulled(after, page).fresh));
  }
  return fresh;
}

describe("events of one conversation", () => {
  test("in any order, twice or lost: the run converges to the server's, each event once and in order", () => {
    const arrival = fc.integer({ min: 1, max: 300 }).chain((head) =>
      fc.record({ head: fc.constant(head), batches: fc.array(fc.array(fc.integer({ min: 1, max: head }), { maxLength: 20 }), { maxLength: 40 }) }));
    fc.assert(fc.property(arrival, ({ head, batches }) => {
      const server = events(1, head);
      const timeline = new Timeline(ID, { epoch: 1, seq: 0 });
      const told = batches.flatMap((batch) => seqs(timeline.apply(batch.map((seq) => server[seq - 1] as Message)).fresh));
      timeline.knowHead(1, head);
      told.push(...pullAll(timeline, server));
      expect(told).toEqual(upTo(head));
      expect(seqs(timeline.run)).toEqual(upTo(head));
      expect(timeline.cursor).toEqual({ epoch: 1, seq: head });
    }), { numRuns: 500 });
  });

  test("pulls between arrivals never make an event come twice or out of order", () => {
    const steps = fc.array(fc.oneof(
      fc.record({ kind: fc.constant("push" as const), seq: fc.integer({ min: 1, max: 60 }) }),
      fc.record({ kind: fc.constant("pull" as const), limit: fc.integer({ min: 1, max: 10 }) }),
    ), { maxLength: 120 });
    fc.assert(fc.property(steps, (list) => {
      const server = events(1, 60);
      const timeline = new Timeline(ID, { epoch: 1, seq: 0 });
      const told: number[] = [];
      for (const step of list) {
        const gap = timeline.gap;
        if (step.kind === "push") told.push(...seqs(timeline.apply([server[step.seq - 1] as Message]).fresh));
        else if (gap !== null) told.push(...seqs(timeline.pulled(gap.after, server.filter(({ seq }) => seq > gap.after && seq < gap.before).slice(0, step.limit)).fresh));
      }
      expect(told).toEqual(upTo(timeline.cursor.seq));
    }), { numRuns: 500 });
  });

  test("[D7] a missing one is named exactly: what comes before and behind it is not", () => {
    const timeline = new Timeline(ID, { epoch: 1, seq: 10 });
    timeline.apply([event(11), event(12), event(15), event(17)]);
    expect(timeline.gap).toEqual({ after: 12, before: 15 });
    timeline.pulled(12, [event(13), event(14)]);
    expect(timeline.gap).toEqual({ after: 15, before: 17 });
    timeline.apply([event(16)]);
    expect(timeline.gap).toBeNull();
    expect(seqs(timeline.run)).toEqual(upTo(17, 11));
  });

  test("more events ahead of a gap than are held: what came last is dropped, and pulled", () => {
    const timeline = new Timeline(ID, { epoch: 1, seq: 0 });
    const server = events(1, 12_000);
    timeline.apply(server.slice(1));
    expect(timeline.gap).toEqual({ after: 0, before: 2 });
    timeline.apply([event(1)]);
    expect(timeline.cursor.seq).toBe(10_001);
    expect(pullAll(timeline, server)).toEqual(upTo(12_000, 10_002));
  });

  test("older pages grow the run downwards, whatever they repeat", () => {
    const timeline = new Timeline(ID, { epoch: 1, seq: 100 });
    timeline.apply(events(101, 103));
    expect(seqs(timeline.prepend(events(61, 103).toReversed()))).toEqual(upTo(100, 61));
    expect(seqs(timeline.prepend(events(50, 70).toReversed()))).toEqual(upTo(60, 50));
    expect(seqs(timeline.run)).toEqual(upTo(103, 50));
    expect(timeline.floor).toBe(49);
  });

  test("a run that grows too long forgets its older half, which can be read again", () => {
    const timeline = new Timeline(ID, { epoch: 1, seq: 0 });
    timeline.apply(events(1, 101));
    expect(timeline.trim(200)).toBe(false);
    expect(timeline.trim(100)).toBe(true);
    expect(seqs(timeline.run)).toEqual(upTo(101, 52));
    expect(timeline.floor).toBe(51);
    timeline.prepend(events(1, 60));
    expect(seqs(timeline.run)).toEqual(upTo(101));
  });

  test("what a member may not see at the start of a pull is passed over", () => {
    const timeline = new Timeline(ID, { epoch: 1, seq: 0 });
    timeline.apply([event(42)]);
    expect(timeline.gap).toEqual({ after: 0, before: 42 });
    timeline.pulled(0, events(40, 41));
    expect(seqs(timeline.run)).toEqual([40, 41, 42]);
    expect(timeline.gap).toBeNull();
  });

  test("an event ahead survives a pull that passes over places below it", () => {
    const timeline = new Timeline(ID, { epoch: 1, seq: 0 });
    timeline.apply([event(5)]);
    timeline.pulled(0, [event(9)]);
    expect(seqs(timeline.run)).toEqual([5]);
    expect(timeline.gap).toEqual({ after: 5, before: 9 });
  });

  test("a newer epoch drops what was here and asks for the same range; an older one is ignored", () => {
    const timeline = new Timeline(ID, { epoch: 1, seq: 20 });
    timeline.apply(events(21, 30));
    expect(timeline.knowHead(2, 28)).toBe(true);
    expect(timeline.run).toEqual([]);
    expect(timeline.gap).toEqual({ after: 20, before: 29 });
    expect(timeline.apply([event(29, 1)])).toEqual({ fresh: [], restored: false });
    timeline.pulled(20, events(21, 28, 2));
    expect(timeline.cursor).toEqual({ epoch: 2, seq: 28 });
    expect(timeline.apply([event(30, 3)]).restored).toBe(true);
  });
});
