// What may be announced, and how a file is cut.
import { expect, test } from "vitest";
import { decideUpload, missingParts, partsByEtags, partSize, planParts } from "../../domain/uploads.ts";
import { MEDIA_LIMITS, PART_BYTES, SINGLE_PUT_BYTES } from "../../protocol/media.ts";

test.each(Object.entries(MEDIA_LIMITS))("[A20] %s takes its own types up to its limit", (kind, { types, bytes }) => {
  for (const content_type of types) expect(decideUpload({ kind: kind as "image", content_type, size: bytes })).toEqual({ ok: true });
  expect(decideUpload({ kind: kind as "image", content_type: types[0] as string, size: bytes + 1 })).toMatchObject({ code: "media_too_large" });
  expect(decideUpload({ kind: kind as "image", content_type: types[0] as string, size: 0 })).toMatchObject({ code: "bad_request" });
  for (const [other, { types: foreign }] of Object.entries(MEDIA_LIMITS)) {
    if (other !== kind) for (const content_type of foreign) expect(decideUpload({ kind: kind as "image", content_type, size: 1 })).toMatchObject({ code: "media_type_refused" });
  }
});

test.each([SINGLE_PUT_BYTES + 1, 7 * PART_BYTES - 1, 7 * PART_BYTES, 7 * PART_BYTES + 1, 2_048 * 1024 * 1024])("[A18] the parts of %i bytes make it up, each but the last of one size", (size) => {
  const plan = planParts(size);
  const sizes = Array.from({ length: plan?.parts ?? 0 }, (_, i) => partSize(size, i + 1));
  expect(sizes.reduce((sum, one) => sum + one, 0)).toBe(size);
  expect(new Set(sizes.slice(0, -1))).toEqual(new Set([PART_BYTES]));
  expect(sizes.at(-1)).toBeGreaterThan(0);
  expect(partSize(size, sizes.length + 1)).toBe(0);
});

test("[A18] up to 100 MiB there are no parts", () => {
  expect(planParts(SINGLE_PUT_BYTES)).toBeNull();
});

test("[A18] a part that is not there, or is another than was signed, is missing", () => {
  const size = 3 * PART_BYTES + 5;
  const whole = partsByEtags(size, [1, 2, 3, 4].map((part) => ({ part, etag: `"${part}"` })));
  expect(missingParts(size, whole)).toEqual([]);
  expect(missingParts(size, whole.filter(({ part }) => part !== 2))).toEqual([2]);
  expect(missingParts(size, whole.map((part) => (part.part === 4 ? { ...part, size: 6 } : part)))).toEqual([4]);
  expect(missingParts(size, [...whole.slice(0, 3), { part: 9, size: 5 }])).toEqual([4]);
});
