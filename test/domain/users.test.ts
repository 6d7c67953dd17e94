// People: what is folded, indexed and looked up, and who is let in.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { beginningOf, decideAccess, decideClaim, decideProfile, indexedWords, isFound, planFind, wordsOf } from "../../domain/users.ts";
import { EMPTY_PROFILE } from "../../protocol/users.ts";

describe("words", () => {
  test.each([
    ["Zoë Ünal-Müller", ["zoe", "unal", "muller"]],
    ["  ANN   ann Ann ", ["ann"]],
    ["J. R. R. Tolkien", ["j", "r", "tolkien"]],
    ["李明 (Li Ming)", ["李明", "li", "ming"]],
    ["İstanbul ﬁne Ⅷ", ["istanbul", "fine", "viii"]],
    ["Ольга ÅÄÖ", ["ольга", "aao"]],
    ["🙂 !!! …", []],
    ["x".repeat(50), ["x".repeat(32)]],
  ])("[U4] of %s", (text, words) => {
    expect(wordsOf(text)).toEqual(words);
  });

  test("[U4] eight of one person, those of the name first", () => {
    expect(indexedWords({ name: "a1 b2 c3 d4 e5 f6", handle: "g7.h8_i9-j0" })).toEqual(["a1", "b2", "c3", "d4", "e5", "f6", "g7", "h8"]);
    expect(indexedWords({ name: null, handle: null })).toEqual([]);
  });

  const name = fc.array(fc.oneof(fc.string({ unit: "grapheme", maxLength: 12 }), fc.constantFrom("Ann", "Zoë", "李明", "Ольга", "김민준", "ﬁ", "a中", "İx")), { minLength: 1, maxLength: 5 }).map((parts) => parts.join(" "));

  test("[U4] whoever has a word is found by each of its beginnings, in the shard that the beginning names", () => {
    fc.assert(fc.property(name, fc.nat(40), (text, cut) => {
      const card = { name: text, handle: null, avatar_key: null };
      for (const word of indexedWords(card)) {
        const beginning = Array.from(word).slice(0, 1 + (cut % Array.from(word).length)).join("");
        const planned = planFind(beginning);
        if (planned === null) {
          expect(beginning.length === 1 && beginning < "\u0080", `"${beginning}" of "${word}"`).toBe(true);
          continue;
        }
        expect([beginning, planned.map(beginningOf)]).toEqual([beginning, [beginningOf(word)]]);
        expect(isFound(card, planned), `"${beginning}" of "${word}"`).toBe(true);
      }
    }), { numRuns: 500 });
  });

  test("[U4] a search looks up its longest word, and whom it finds has them all", () => {
    expect(planFind("le ANNABEL j")).toEqual(["annabel", "le", "j"]);
    expect([planFind("a"), planFind("a b"), planFind("!"), planFind("李")]).toEqual([null, null, null, ["李"]]);
    const card = { name: "Annabel Lee", handle: "al", avatar_key: null };
    expect([["annabel", "le"], ["ann", "al"], ["ann", "x"], ["nabel"]].map((words) => isFound(card, words))).toEqual([true, true, false, false]);
  });
});

test("[U1] a patch changes what it names; null takes away", () => {
  const profile = { ...EMPTY_PROFILE, name: "Ann", custom: { x: 1 } };
  expect(decideProfile(profile, {})).toEqual(profile);
  expect(decideProfile(profile, { name: null, hide_last_seen: true })).toEqual({ ...profile, name: null, hide_last_seen: true });
  expect(decideProfile(profile, { custom: {} }).custom).toEqual({});
});

test("[U6] [U7] deactivated comes before revoked; a token without a date is older than any revocation", () => {
  const open = { deactivated_at: null, revoked_before: 0 };
  const revoked = { deactivated_at: null, revoked_before: 100 };
  expect([decideAccess(open, undefined), decideAccess(open, 0)]).toEqual(["in", "in"]);
  expect([99, 100, 101, undefined].map((iat) => decideAccess(revoked, iat))).toEqual(["unauthorized", "in", "in", "unauthorized"]);
  expect(decideAccess({ ...revoked, deactivated_at: 1 }, 99)).toBe("deactivated");
});

test("[U3] a claim: nobody else's, and no older than what is remembered", () => {
  expect(decideClaim("ann", 1, "bob", null)).toBe("refuse");
  expect(decideClaim("ann", 1, null, null)).toBe("grant");
  expect(decideClaim("ann", 2, "ann", { rev: 2, held: true })).toBe("granted");
  expect(decideClaim("ann", 1, "ann", { rev: 2, held: true })).toBe("granted");
  expect(decideClaim("ann", 2, null, { rev: 2, held: false })).toBe("refuse");
  expect(decideClaim("ann", 3, null, { rev: 2, held: false })).toBe("grant");
});
