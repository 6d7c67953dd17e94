// Who may change a message: every combination, against the rule as it is written down.
import fc from "fast-check";
import { expect, test } from "vitest";
import { type ChangeQuestion, decideDelete, decideEdit, decideReact, decideReply, type Target } from "../../domain/changes.ts";
import { decideNumber } from "../../domain/sequence.ts";
import type { Stay } from "../../domain/membership.ts";
import { EDITS, EMOJIS } from "../../protocol/limits.ts";

const NOW = 1_800_000_000_000;
const stay = fc.record({
  user_id: fc.constantFrom("ann", "bob"), role: fc.constantFrom("owner" as const, "admin" as const, "member" as const), joined_seq: fc.integer({ min: 1, max: 9 }),
  left_seq: fc.constant(null),
});
const target = fc.record({
  seq: fc.integer({ min: 1, max: 9 }), type: fc.constantFrom("msg", "msg", "msg", "edit", "title"), sender_id: fc.constantFrom("ann", "bob", "service"),
  sent_at: fc.integer({ min: NOW - 200, max: NOW }), deleted_seq: fc.constantFrom(null, null, 12),
});
const question: fc.Arbitrary<ChangeQuestion> = fc.record({
  actor: fc.oneof(stay, fc.constant("service" as const)), target: fc.option(target), direct: fc.boolean(), history: fc.constantFrom("joined" as const, "all" as const),
});

const sees = ({ actor, target: aim, history }: ChangeQuestion): boolean =>
  aim !== null && aim.type === "msg" && (actor === "service" || history === "all" || aim.seq >= actor.joined_seq);
const own = ({ actor, target: aim }: ChangeQuestion): boolean => actor !== "service" && actor.user_id === aim?.sender_id;

test("[C1] [C8] a message that the actor does not see, or that was deleted, is absent; another's is forbidden; the window ends to the millisecond", () => {
  fc.assert(fc.property(question, fc.integer({ min: 0, max: EDITS + 2 }), fc.constantFrom(0, 100), (asked, edits, window) => {
    const decision = decideEdit(asked, edits, window, NOW);
    const age = NOW - (asked.target?.sent_at ?? 0);
    const code = !sees(asked) || asked.target?.deleted_seq !== null ? "not_found"
      : !own(asked) ? "forbidden"
      : (window > 0 && age > window) || edits >= EDITS ? "edit_window_closed" : null;
    expect(decision.kind === "refused" ? decision.code : null).toBe(code);
  }));
});

test("[C4] [C8] the sender deletes, in a group owners and admins, and the operator; what is deleted stays so", () => {
  fc.assert(fc.property(question, (asked) => {
    const decision = decideDelete(asked);
    const may = asked.actor === "service" || own(asked) || (!asked.direct && (asked.actor as Stay).role !== "member");
    if (!sees(asked)) expect(decision).toEqual({ kind: "refused", code: "not_found" });
    else if (!may) expect(decision).toEqual({ kind: "refused", code: "forbidden" });
    else if ((asked.target as Target).deleted_seq === null) expect(decision).toMatchObject({ kind: "accepted" });
    else expect(decision).toEqual({ kind: "standing", seq: 12 });
  }));
});

test("[C5] [C8] a reaction that is there is not there twice, one that isn't can't be taken back, and emojis are bounded", () => {
  fc.assert(fc.property(question, fc.boolean(), fc.option(fc.integer({ min: 10, max: 20 })), fc.integer({ min: 0, max: EMOJIS + 1 }), (asked, on, standing, emojis) => {
    const decision = decideReact(asked, on, standing, emojis);
    if (!sees(asked) || asked.target?.deleted_seq !== null) expect(decision).toEqual({ kind: "refused", code: "not_found" });
    else if (on && standing !== null) expect(decision).toEqual({ kind: "standing", seq: standing });
    else if (!on && standing === null) expect(decision).toEqual({ kind: "standing", seq: asked.target?.seq });
    else if (on && emojis >= EMOJIS) expect(decision).toMatchObject({ kind: "refused", code: "bad_frame" });
    else expect(decision).toMatchObject({ kind: "accepted" });
  }));
});

test("[C6] [C8] an answer answers what its sender sees", () => {
  fc.assert(fc.property(question, (asked) => {
    expect(decideReply(asked).kind).toBe(sees(asked) ? "accepted" : "refused");
  }));
});

test("[C11] a number goes in its turn, late, or by force with a gap; else it is early", () => {
  expect([decideNumber(null, 41, false), decideNumber(5, 6, false), decideNumber(5, 5, false), decideNumber(5, 2, true), decideNumber(5, 6, true)]).toEqual(Array.from({ length: 5 }, () => "turn"));
  expect([decideNumber(5, 7, false), decideNumber(5, 7, true)]).toEqual(["early", "gap"]);
});
