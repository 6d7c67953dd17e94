// What the sweep may take away, over everything that a Blob may know.
import fc from "fast-check";
import { expect, test } from "vitest";
import { decideFate, goes, type Found, type Known } from "../../domain/media-fate.ts";

const DAY = 86_400_000;
const KEPT = { retention_ms: 365 * DAY, grace_ms: 7 * DAY };
const age = fc.integer({ min: 0, max: 800 * DAY });
const generation = fc.nat(4);
const found: fc.Arbitrary<Found> = fc.record({ held: fc.boolean(), generation, age });
const known: fc.Arbitrary<Known | null> = fc.option(fc.record({
  generation, state: fc.constantFrom("noted" as const, "copied" as const, "retired" as const), age, idle: fc.option(age), claiming: fc.boolean(), heldGeneration: fc.option(generation),
}));

const COPIED: Known = { generation: 0, state: "copied", age: DAY, idle: null, claiming: false, heldGeneration: null };
const OBJECT: Found = { held: false, generation: 0, age: 400 * DAY };

test("[M13] the object of a content that a message refers to goes only when it was last written before the retention, and nothing holds it", () => {
  fc.assert(fc.property(found, known, (object, content) => {
    if (content === null || object.held || object.generation !== content.generation || content.state === "retired" || content.idle !== null) return;
    const fate = decideFate(object, false, content, KEPT);
    if (goes(fate)) expect([fate, content.state, content.heldGeneration, content.claiming, content.age > KEPT.retention_ms]).toEqual(["expired", "copied", null, false, true]);
  }), { numRuns: 2_000 });
});

test("[M13] what is held never goes, and nothing goes that is younger than its grace and that nobody says has ended", () => {
  fc.assert(fc.property(found, known, (object, content) => {
    const fate = decideFate(object, false, content, KEPT);
    if (content !== null && object.held && object.generation === content.heldGeneration) expect(fate).toBe("held");
    if (fate === "unknown") expect(object.age).toBeGreaterThanOrEqual(KEPT.grace_ms);
    if (fate === "unreferenced") expect(content?.idle ?? 0).toBeGreaterThanOrEqual(KEPT.grace_ms);
  }), { numRuns: 2_000 });
});

test.each([
  ["expired", OBJECT, { ...COPIED, age: 366 * DAY }],
  ["referenced", OBJECT, { ...COPIED, age: 364 * DAY }],
  ["held", OBJECT, { ...COPIED, age: 366 * DAY, heldGeneration: 2 }],
  ["referenced", OBJECT, { ...COPIED, age: 366 * DAY, claiming: true }],
  ["unreferenced", OBJECT, { ...COPIED, idle: 7 * DAY }],
  ["young", OBJECT, { ...COPIED, idle: 6 * DAY }],
  ["unknown", OBJECT, null],
  ["young", { ...OBJECT, age: DAY }, null],
  ["unknown", OBJECT, { ...COPIED, generation: 1 }],
  ["unknown", OBJECT, { ...COPIED, state: "retired" as const }],
  ["unknown", { ...OBJECT, held: true }, COPIED],
] as const)("[M13] it is %s: %j of %j", (fate, object, content) => expect(decideFate(object, false, content, KEPT)).toBe(fate));
