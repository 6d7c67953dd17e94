import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { directId } from "../../client/direct-id.ts";
import { sha256Hex } from "../../client/media/sha256.ts";

test("SHA-256 is the platform's, at every length around a block's end", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
    expect(sha256Hex(bytes)).toBe(createHash("sha256").update(bytes).digest("hex"));
  }), { numRuns: 1_000 });
  for (let length = 0; length < 200; length++) {
    expect(sha256Hex(new Uint8Array(length))).toBe(createHash("sha256").update(new Uint8Array(length)).digest("hex"));
  }
});

test("both users name the same direct conversation, and no other pair does", () => {
  expect(directId("ann", "bob")).toBe(directId("bob", "ann"));
  expect(directId("a", "bc")).not.toBe(directId("ab", "c"));
});
