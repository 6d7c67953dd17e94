// A seed is a promise: the same seed tries the same things, and every round tries all of its own.
import { describe, expect, test } from "vitest";
import { contentOf } from "../../verify/contents.ts";
import { type Fault, planFaults } from "../../verify/faults.ts";
import { keyOf } from "../../verify/journal.ts";
import { makePlan, type Round } from "../../verify/plan.ts";
import { seeded } from "../../verify/random.ts";

const SIZES = { rounds: 8, clients: 6, messages: 1_600, kills: 8, busy: false };
const plan = makePlan(42, SIZES, "v");
const rounds = [...plan.rounds()];
const steps = rounds.flatMap(({ scripts }) => scripts.flatMap((script) => script.steps));

/** Without what is no data. */
function plain(all: readonly Round[]): unknown {
  return JSON.parse(JSON.stringify(all));
}

describe("a plan", () => {
  test("is the same for the same seed, and another for another", () => {
    expect(plain([...makePlan(42, SIZES, "v").rounds()])).toEqual(plain(rounds));
    expect(plain([...makePlan(43, SIZES, "v").rounds()])).not.toEqual(plain(rounds));
  });

  test("sends each message once, and each under a key of its own, whose text follows from the key", () => {
    const sent = steps.flatMap((step) => (step.do === "send" || step.do === "shuffled" ? step.messages : []));
    expect(sent).toHaveLength(SIZES.messages);
    const changes = steps.flatMap((step) => (step.do === "change" ? [step.message] : []));
    const all = [...sent, ...changes, ...rounds.flatMap(({ contacts }) => [...contacts.first, contacts.wake])];
    expect(new Set(all.map(({ sender_id, client_msg_id }) => keyOf(sender_id, client_msg_id))).size).toBe(all.length);
    for (const { sender_id, conversation } of all) expect(conversation.members).toContain(sender_id);
    for (const { sender_id, client_msg_id, content } of sent) expect(contentOf(42, keyOf(sender_id, client_msg_id)).content).toBe(content);
  });

  test("uses every way to send, resends over each, changes messages, cuts sockets, leaves some half open, and lets people come and go", () => {
    const kinds = new Set(steps.map((step) => ("as" in step ? `${step.do} ${step.as}` : step.do)));
    expect(kinds).toEqual(new Set([
      "send frame", "send array", "send rest", "shuffled", "resend frame", "resend rest", "change", "cut", "half_open", "read", "look_back", "membership",
    ]));
    expect(steps.some((step) => step.do === "resend" && step.altered)).toBe(true);
    expect(steps.some((step) => step.do === "resend" && step.times === 10)).toBe(true);
    expect(new Set(steps.flatMap((step) => (step.do === "change" ? [step.message.kind] : [])))).toEqual(new Set(["edit", "delete", "react"]));
  });

  test("changes no message in two ways, deletes none twice, and lets nobody but guests go", () => {
    const ways = new Map<string, Set<string>>();
    for (const step of steps) {
      if (step.do === "change") ways.set(step.message.target ?? "", (ways.get(step.message.target ?? "") ?? new Set()).add(step.message.kind));
      if (step.do === "membership") expect(plan.guests).toContain(step.user_id);
    }
    for (const [target, kinds] of ways) expect([...kinds], target).toHaveLength(1);
    const busy = [...makePlan(43, { ...SIZES, messages: 12_000, busy: true }, "v").rounds()].flatMap(({ scripts }) => scripts.flatMap((script) => script.steps));
    const deleted = busy.flatMap((step) => (step.do === "change" && step.message.kind === "delete" ? [step.message.target] : []));
    expect(new Set(deleted).size).toBe(deleted.length);
  });

  test("has newcomers in every round whom nobody has written to before", () => {
    const before = new Set([...plan.regulars, ...plan.absent]);
    for (const { contacts } of rounds) {
      for (const { user_id } of contacts.late) expect(before).not.toContain(user_id);
      for (const { user_id } of contacts.late) before.add(user_id);
      expect(contacts.group.members).toEqual(expect.arrayContaining(contacts.late.map(({ user_id }) => user_id)));
    }
  });

  test("keeps the users of two runs apart by their prefix", () => {
    const other = makePlan(42, SIZES, "w");
    expect(other.regulars.some((user) => plan.regulars.includes(user))).toBe(false);
  });

  test("has as many messages and kills as it was asked for, however they fall on rounds", () => {
    const uneven = [...makePlan(1, { ...SIZES, rounds: 3, messages: 100, kills: 10 }, "v").rounds()];
    expect(uneven.flatMap(({ faults }) => faults)).toHaveLength(10);
    expect(uneven.flatMap(({ scripts }) => scripts).flatMap(({ steps: own }) => own.flatMap((step) => (step.do === "send" || step.do === "shuffled" ? step.messages : [])))).toHaveLength(100);
  });
});

describe("faults", () => {
  const faults = Array.from({ length: 8 }, (_, i) => planFaults(seeded(i), i + 1, { kills: 1, messages: 100, contacts: 8 })[0] as Fault);

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

  test("several in a round strike in its traffic, deploys among them", () => {
    const many = planFaults(seeded(1), 1, { kills: 40, messages: 10_000, contacts: 8 });
    expect(many).toHaveLength(40);
    expect(new Set(many.map(({ victim }) => victim))).toEqual(new Set(["tree", "runtime", "deploy"]));
    expect(many.slice(0, -1).every(({ moment }) => moment.phase === "traffic")).toBe(true);
  });
});
