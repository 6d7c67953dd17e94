// Structure-aware fuzz of both codecs. The long form is `npm run fuzz -- codec`.
import fc from "fast-check";
import { expect, test } from "vitest";
import { size } from "../../sizes.ts";
import { checkBinary, checkText } from "./codec.ts";
import { binaryMessages, jsonMessages } from "./messages.ts";

test("[bad input] whatever text comes, it is frames of the protocol or typed errors [W5]", () => {
  const seen = { ok: 0, refused: 0 };
  fc.assert(fc.property(jsonMessages(), (text) => {
    for (const { ok } of checkText(text)) seen[ok ? "ok" : "refused"] += 1;
  }), { numRuns: size("mutated texts", 1_500, 200_000) });
  // Neither side is left out.
  expect(Math.min(seen.ok, seen.refused)).toBeGreaterThan(100);
});

test("[bad input] whatever bytes come, they are frames of the protocol or typed errors [W5]", () => {
  const seen = { ok: 0, refused: 0 };
  fc.assert(fc.property(binaryMessages(), (bytes) => {
    for (const { ok } of checkBinary(bytes)) seen[ok ? "ok" : "refused"] += 1;
  }), { numRuns: size("mutated bytes", 1_500, 200_000) });
  expect(Math.min(seen.ok, seen.refused)).toBeGreaterThan(100);
});

test("[bad input] an error does not repeat what was sent, not even the name of a field [W5]", () => {
  const [answer] = checkText(JSON.stringify({ type: "resume", cursors: { ["a".repeat(100_000)]: { epoch: 1, seq: 1 } } }));
  expect(answer).toMatchObject({ ok: false, error: { code: "bad_frame", message: "not a conversation id" } });
});
