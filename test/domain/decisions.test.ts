// The pure decisions, each against what it promises over all inputs.
import fc from "fast-check";
import { expect, test } from "vitest";
import { decideAppend } from "../../domain/append.ts";
import { nextClock } from "../../domain/clock.ts";
import { decideLive, decideSettle, planOwed } from "../../domain/delivery.ts";
import { decidePutMember, decideRemoveMember, type MemberQuestion, type Stay, visibleRange } from "../../domain/membership.ts";
import { bisect } from "../../domain/page.ts";
import { type Bucket, decideAdmission } from "../../domain/rate-limit.ts";
import { retryDelay } from "../../domain/retry.ts";
import { decideArchived, decidePruneTo, decideSealDue, planSegment, SEGMENT_BYTES, SEGMENT_EVENTS } from "../../domain/sealing.ts";

const seq = fc.integer({ min: 1, max: 10_000 });

test("[order] the clock never stands still or goes back, whatever the wall clock does", () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 4_102_444_800_000 })), (walls) => {
    let last = 0;
    for (const wall of walls) {
      const next = nextClock(last, wall);
      expect(next).toBeGreaterThan(last);
      expect(next).toBeGreaterThanOrEqual(wall * 1_000);
      last = next;
    }
  }));
});

test("[C1] an accepted message is the next in the sequence, a known key keeps its place", () => {
  const head = { seq: 41, msg_no: 40, clock: 0 };
  expect(decideAppend(head, null)).toEqual({ kind: "accepted", seq: 42, msg_no: 41 });
  expect(decideAppend(head, 7)).toEqual({ kind: "duplicate", seq: 7 });
});

test("[D4] the bucket gives burst at once and rate a second, never more", () => {
  const rule = { rate: 20, burst: 20 };
  fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 200 }), { minLength: 1, maxLength: 300 }), (steps) => {
    let bucket: Bucket | null = null;
    let now = 1_000;
    let admitted = 0;
    for (const step of steps) {
      now += step;
      const admission = decideAdmission(bucket, rule, now);
      bucket = admission.bucket;
      if (admission.ok) admitted += 1;
      else expect(decideAdmission(bucket, rule, now + admission.retry_after_ms).ok, "retry_after_ms is enough").toBe(true);
    }
    expect(admitted).toBeLessThanOrEqual(20 + Math.floor(((now - 1_000) * 20) / 1_000));
  }));
  expect(decideAdmission({ tokens: 0, at: 0 }, { rate: 0, burst: 0 }, 0).ok).toBe(true);
  expect(decideAdmission({ tokens: 5, at: 9_000 }, rule, 1_000), "a clock that goes back gives nothing").toMatchObject({ ok: true, bucket: { tokens: 4 } });
});

const stay = (user_id: string, joined_seq: number, left_seq: number | null = null): Stay => ({ user_id, role: "member", joined_seq, left_seq });

test("[fan-out d] nobody is owed an event outside their stay, nor more than is pushed at once", () => {
  fc.assert(fc.property(seq, fc.option(seq), seq, seq, fc.integer({ min: 1, max: 400 }), (joined, length, from, head, most) => {
    const left = length === null ? null : joined + length;
    const owed = planOwed(stay("ann", joined, left), from, head, most);
    if (owed === null) {
      expect(Math.min(head, left ?? head)).toBeLessThan(joined);
      return;
    }
    expect(owed.head).toBe(Math.min(head, left ?? head));
    if (owed.events === null) return;
    expect(owed.events.from).toBeGreaterThanOrEqual(Math.max(joined, from));
    expect(owed.events.to).toBe(owed.head);
    expect(owed.events.to - owed.events.from).toBeLessThan(most);
  }));
});

test("[fan-out b] settled_seq moves forward only, and a new epoch starts it anew", () => {
  const row = { epoch: 2, settled_seq: 10 };
  expect([decideSettle(null, 1, 1), decideSettle(row, 2, 11), decideSettle(row, 2, 10), decideSettle(row, 2, 9), decideSettle(row, 1, 99), decideSettle(row, 3, 1)])
    .toEqual(["move", "move", "keep", "keep", "keep", "move"]);
  expect([decideLive(undefined, 1), decideLive(3, 3), decideLive(3, 4), decideLive(3, 2)]).toEqual(["current", "current", "current", "stale"]);
});

test("[members] who may add, promote and remove", () => {
  const roles = ["owner", "admin", "member"] as const;
  const actor = (role: (typeof roles)[number] | null) => (role === null ? null : { ...stay("actor", 1), role });
  const ask = (more: Partial<MemberQuestion>): MemberQuestion => ({ actor: null, member: null, banned: false, direct: false, members: 3, max_members: 5, ...more });
  const add = [...roles, null].map((role) => decidePutMember(ask({ actor: actor(role) }), "member"));
  expect(add.map((decision) => ("code" in decision ? decision.code : decision.kind))).toEqual(["add", "add", "forbidden", "not_found"]);
  expect(decidePutMember(ask({ actor: "service", members: 5 }), "member")).toEqual({ kind: "refused", code: "group_full" });
  expect(decidePutMember(ask({ actor: actor("admin") }), "admin").kind).toBe("refused");
  expect(decidePutMember(ask({ actor: actor("member"), member: stay("bob", 2) }), "member").kind).toBe("unchanged");
  expect(decidePutMember(ask({ actor: actor("owner"), member: stay("bob", 2) }), "admin").kind).toBe("role");
  expect(decidePutMember(ask({ actor: actor("owner"), direct: true }), "member").kind).toBe("refused");
  const remove = [...roles, null].map((role) => decideRemoveMember({ ...ask({ actor: actor(role), member: stay("bob", 2) }), self: false }, []));
  expect(remove.map((decision) => ("code" in decision ? decision.code : decision.kind))).toEqual(["remove", "remove", "forbidden", "not_found"]);
  expect(decideRemoveMember({ ...ask({ actor: actor("member"), member: actor("member") }), self: true }, []).kind).toBe("remove");
  expect(decideRemoveMember({ ...ask({ actor: actor("admin"), member: { ...stay("bob", 2), role: "admin" } }), self: false }, []).kind).toBe("refused");
});

test("[members] an owner hands the group over, and one who leaves hands it to who has been there longest", () => {
  const ask = (more: Partial<MemberQuestion>): MemberQuestion => ({ actor: null, member: null, banned: false, direct: false, members: 3, max_members: 5, ...more });
  const owner = { ...stay("ann", 1), role: "owner" as const };
  const admin = { ...stay("adm", 9), role: "admin" as const };
  const [bob, cat] = [stay("bob", 4), stay("cat", 3)];
  expect(decidePutMember(ask({ actor: owner, member: bob }), "owner").kind).toBe("hand_over");
  for (const refused of [ask({ actor: admin, member: bob }), ask({ actor: owner }), ask({ actor: owner, member: owner })]) {
    expect(decidePutMember(refused, refused.member === null ? "owner" : "admin").kind === "add" || decidePutMember(refused, "owner").kind === "hand_over").toBe(false);
  }
  expect(decidePutMember(ask({ actor: "service", banned: true }), "member")).toEqual({ kind: "refused", code: "forbidden" });
  // Everybody had left: who is the first again owns it.
  for (const role of ["member", "owner", null] as const) expect(decidePutMember(ask({ actor: "service", members: 0 }), role)).toEqual({ kind: "add", role: "owner" });
  expect(decidePutMember(ask({ actor: "service", members: 0, banned: true }), "owner").kind).toBe("refused");
  const leave = (member: Stay, others: Stay[]) => decideRemoveMember({ ...ask({ actor: member, member }), self: true }, [member, ...others]);
  expect(leave(owner, [bob, cat, admin])).toEqual({ kind: "remove", successor: "adm" });
  expect(leave(owner, [bob, cat])).toEqual({ kind: "remove", successor: "cat" });
  expect(leave(owner, [bob, { ...cat, role: "owner" }])).toEqual({ kind: "remove", successor: null });
  expect(leave(owner, [])).toEqual({ kind: "remove", successor: null });
  expect(leave(bob, [owner, cat])).toEqual({ kind: "remove", successor: null });
});

test("[members] history shows what was there before joining where the conversation says so", () => {
  expect(visibleRange(stay("ann", 5), "joined")).toEqual({ from: 5, to: Infinity });
  expect(visibleRange(stay("ann", 5, 9), "all")).toEqual({ from: 1, to: 9 });
});

test("[archive] archived_seq moves only over acknowledged segments without a hole", () => {
  const segment = (from_seq: number, to_seq: number, acked: boolean) => ({ from_seq, to_seq, sha256: "", acked });
  expect(decideArchived(0, [segment(1, 5, true), segment(6, 9, true)])).toBe(9);
  expect(decideArchived(0, [segment(1, 5, true), segment(6, 9, false), segment(10, 12, true)])).toBe(5);
  expect(decideArchived(5, [segment(7, 9, true)])).toBe(5);
});

test("[archive] nothing is pruned above archived_seq or within the hot window", () => {
  fc.assert(fc.property(seq, seq, seq, fc.integer({ min: 0, max: 2_000 }), (archived, head, lastCold, hot_events) => {
    const to = decidePruneTo(archived, head, lastCold, { hot_events, hot_days: 30 });
    expect(to).toBeLessThanOrEqual(archived);
    expect(to).toBeLessThanOrEqual(lastCold);
    expect(to).toBeLessThanOrEqual(Math.max(0, head - hot_events));
  }));
});

test("[archive] a segment takes at least one event, and keeps its bounds", () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 3 * SEGMENT_BYTES }), { minLength: 1, maxLength: 50 }), (sizes) => {
    const count = planSegment(sizes);
    expect(count).toBeGreaterThanOrEqual(1);
    if (count > 1) expect(sizes.slice(0, count).reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(SEGMENT_BYTES);
  }));
  expect(planSegment(Array.from({ length: 5_000 }, () => 10))).toBe(SEGMENT_EVENTS);
  const rule = { seal_events: 256, seal_after_ms: 1_000 };
  expect([decideSealDue(0, null, rule, 5), decideSealDue(1, 100, rule, 5), decideSealDue(256, 100, rule, 5)]).toEqual([null, 1_100, 5]);
});

test("[history] bisection finds the first that holds, or the end", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 0, max: 600 }), (high, border) => {
    expect(bisect(1, high, (at) => at >= border)).toBe(Math.min(Math.max(border, 1), high + 1));
  }));
});

test("[retry] waits grow to 90 s and are jittered", () => {
  expect([1, 2, 3, 4, 5, 6, 99].map((attempts) => retryDelay(attempts, 0.5))).toEqual([500, 1_000, 3_000, 10_000, 30_000, 90_000, 90_000]);
  expect([retryDelay(1, 0), retryDelay(1, 0.999)]).toEqual([375, 625]);
});
