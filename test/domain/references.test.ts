// When a reference may go.
import { expect, test } from "vitest";
import { ABSENT_MS, appendableUntil, ASK_AFTER_MS, CLAIM_MS, CLAIMING_MS, decideAskAgain, decideClaim, decideDoubt, decideRemoval, decideWord } from "../../domain/references.ts";

const NOW = 1_800_000_000_000;

test("[M11] a conversation is asked only when it would no longer take the append, whoever says earlier that the message is gone", () => {
  const claim = decideClaim(null, NOW);
  expect(claim).toEqual({ claim: 1, claimed_at: NOW, ask_at: NOW + CLAIM_MS + ASK_AFTER_MS });
  const until = appendableUntil(claim, NOW) as number;
  expect((claim.ask_at as number) - until).toBe(ASK_AFTER_MS);
  expect(decideDoubt(claim, NOW + 1).ask_at).toBe(claim.ask_at);
  expect(decideDoubt(claim, NOW + 10 * CLAIM_MS).ask_at).toBe(NOW + 10 * CLAIM_MS);
});

test("[M11] a claim that took too long is worth no append", () => {
  const claim = decideClaim(null, NOW);
  expect([appendableUntil(claim, NOW + CLAIMING_MS), appendableUntil(claim, NOW + CLAIMING_MS + 1)]).toEqual([NOW + CLAIM_MS, null]);
});

test("[M11] what was asked before the newest claim says nothing of it", () => {
  const asked = decideClaim(null, NOW);
  const now = decideClaim(asked, NOW + 1);
  for (const word of ["stands", "gone", "absent"] as const) {
    expect(decideWord(now, asked, word, NOW + 2)).toBeNull();
    expect(decideWord(null, asked, word, NOW + 2)).toBeNull();
  }
  expect(decideWord(now, now, "stands", NOW + 2)).toEqual({ ...now, ask_at: null });
  expect(decideWord(now, now, "gone", NOW + 2)).toBe("gone");
});

test("[M11] a conversation that is not there may have lost its storage: for a week it is asked again", () => {
  const claim = decideClaim(null, NOW);
  let [now, asked] = [claim.ask_at as number, 0];
  for (let word = decideWord(claim, claim, "absent", now); word !== "gone"; word = decideWord(claim, claim, "absent", now)) {
    now = word?.ask_at as number;
    asked += 1;
  }
  expect(now - NOW).toBeGreaterThan(ABSENT_MS);
  expect(asked).toBeLessThan(20);
});

test("[M11] one that does not answer is asked again, more rarely as time goes by", () => {
  const claim = decideClaim(null, NOW);
  const waits = [1, 60, 600, 6_000, 600_000].map((s) => decideAskAgain(claim, NOW + s * 1_000) - NOW - s * 1_000);
  expect(waits).toEqual([...waits].toSorted((a, b) => a - b));
  expect([waits[0], waits.at(-1)]).toEqual([ASK_AFTER_MS, 12 * 3_600_000]);
});

test("[M11] a content goes the grace after its last reference", () => {
  expect([decideRemoval(null, 5), decideRemoval(NOW, 5), decideRemoval(NOW, 0)]).toEqual([null, NOW + 5, NOW]);
});
