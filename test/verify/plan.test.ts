// A seed is a promise: the same seed tries the same things, and every round tries all of its own.
import { describe, expect, test } from "vitest";
import { planFault } from "../../verify/faults.ts";
import { keyOf } from "../../verify/journal.ts";
import { makePlan } from "../../verify/plan.ts";
import { seeded } from "../../verify/random.ts";

const SIZES = { rounds: 8, clients: 6, messages: 200, kills: true };
const plan = makePlan(42, SIZES, "v");
const steps = plan.rounds.flatMap(({ scripts }) => scripts.flatMap((script) => script.steps));

describe("a plan", () => {
  test("is the same for the same seed, and another for another", () => {
    expect(makePlan(42, SIZES, "v")).toEqual(plan);
    expect(makePlan(43, SIZES, "v")).not.toEqual(plan);
  });

  test("sends each message once, and each under a key of its own", () => {
    const sent = steps.flatMap((step) => (step.do === "send" ? step.messages : []));
    expect(sent).toHaveLength(SIZES.rounds * SIZES.messages);
    const all = [...sent, ...plan.rounds.flatMap(({ contacts }) => contacts.first)];
    expect(new Set(all.map(({ sender_id, client_msg_id }) => keyOf(sender_id, client_msg_id))).size).toBe(all.length);
    for (const { sender_id, conversation } of all) expect(conversation.members).toContain(sender_id);
  });

  test("uses every way to send, resends over each, cuts sockets and leaves some half open", () => {
    const kinds = new Set(steps.map((step) => ("as" in step ? `${step.do} ${step.as}` : step.do)));
    expect(kinds).toEqual(new Set(["send frame", "send array", "send rest", "resend frame", "resend rest", "cut", "half_open", "read"]));
    expect(steps.some((step) => step.do === "resend" && step.altered)).toBe(true);
    expect(steps.some((step) => step.do === "resend" && step.times === 10)).toBe(true);
  });

  test("has newcomers in every round whom nobody has written to before", () => {
    const before = new Set([...plan.regulars, ...plan.absent]);
    for (const { contacts } of plan.rounds) {
      for (const { user_id } of contacts.late) expect(before).not.toContain(user_id);
      for (const { user_id } of contacts.late) before.add(user_id);
      expect(contacts.group.members).toEqual(expect.arrayContaining(contacts.late.map(({ user_id }) => user_id)));
    }
  });

  test("keeps the users of two runs apart by their prefix", () => {
    const other = makePlan(42, SIZES, "w");
    expect(other.regulars.some((user) => plan.regulars.includes(user))).toBe(false);
  });
});

describe("faults", () => {
  const faults = Array.from({ length: 8 }, (_, i) => planFault(seeded(i), i + 1, 100, 8));

  test("strike the whole tree and the runtime alone, by turns", () => {
    expect(faults.slice(0, 4).map(({ victim }) => victim)).toEqual(["tree", "runtime", "tree", "runtime"]);
  });

  test("meet each kind of moment with each victim over eight rounds", () => {
    const met = new Set(faults.map(({ victim, moment }) => `${victim} ${moment.phase} ${moment.at}`));
    for (const victim of ["tree", "runtime"]) {
      for (const moment of ["created sight", "traffic ack", "contacts ack", "traffic time"]) expect(met).toContain(`${victim} ${moment}`);
    }
  });

  test("that count acks count no further than there are messages", () => {
    for (const { moment } of faults) if (moment.at === "ack") expect(moment.count).toBeLessThanOrEqual(moment.phase === "traffic" ? 100 : 8);
  });
});
