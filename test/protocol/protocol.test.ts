// Ids, clocks, canonical JSON, segments and the codec, over all inputs.
import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalJson } from "../../protocol/canonical.ts";
import { decodeFrames, encodeFrames } from "../../protocol/codec-json.ts";
import { ERRORS } from "../../protocol/errors.ts";
import { EVENT_BODIES } from "../../protocol/events.ts";
import { directPairBytes, mintGroupId, objectPlace } from "../../protocol/ids.ts";
import { bucketOf, clockOf, firstMsgIdOf, msgIdAt, sentAtOf } from "../../protocol/msg-id.ts";
import { decodeSegment, encodeSegment, parseSegmentKey, segmentKey, type SegmentEvent } from "../../protocol/segment.ts";
import { DEFAULT_SETTINGS, pinnedSettings } from "../../protocol/settings.ts";

const clock = fc.integer({ min: 0, max: 4_102_444_800_000_000 });
const random = fc.uint8Array({ minLength: 8, maxLength: 8 });

test("[B8] a msg_id is a UUIDv7 whose text sorts by its clock, and gives the clock back", () => {
  fc.assert(fc.property(clock, clock, random, random, (a, b, x, y) => {
    const [first, second] = [msgIdAt(a, x), msgIdAt(b, y)];
    expect(first).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect([clockOf(first), sentAtOf(first)]).toEqual([a, Math.floor(a / 1_000)]);
    if (a !== b) expect(first < second).toBe(a < b);
    const border = firstMsgIdOf(sentAtOf(second));
    expect(first < border).toBe(sentAtOf(first) < sentAtOf(second));
  }));
  expect([bucketOf(msgIdAt(Date.UTC(2026, 9, 31, 23, 59, 59, 999) * 1_000 + 999, new Uint8Array(8))), bucketOf(msgIdAt(Date.UTC(2026, 10, 1) * 1_000, new Uint8Array(8)))])
    .toEqual(["2026-10", "2026-11"]);
});

test("[ids] a direct conversation has one id for both users, and no two pairs share one", () => {
  const user = fc.stringMatching(/^[A-Za-z0-9._:@|+-]{1,20}$/);
  const name = (a: string, b: string) => createHash("sha256").update(directPairBytes(a, b)).digest("hex");
  fc.assert(fc.property(user, user, user, user, (a, b, c, d) => {
    expect(name(a, b)).toBe(name(b, a));
    if ([a, b].toSorted().join(" ") !== [c, d].toSorted().join(" ")) expect(name(a, b)).not.toBe(name(c, d));
  }));
  expect(name("ab", "c")).not.toBe(name("a", "bc"));
});

test("[D17] an object's place comes from its id, the deployment and the generation", () => {
  const id = mintGroupId("0".repeat(32), "eu");
  expect(objectPlace("conversation", id, null)).toEqual({ name: id, jurisdiction: "eu" });
  expect(objectPlace("conversation", mintGroupId("0".repeat(32), null), "eu").jurisdiction).toBeNull();
  expect(objectPlace("conversation", `d.${"0".repeat(64)}`, "fedramp").jurisdiction).toBe("fedramp");
  expect(objectPlace("user", "g.eu.mallory", null)).toEqual({ name: "g.eu.mallory", jurisdiction: null });
  expect(objectPlace("conversation", id, null, 2).name).toBe(`${id}#2`);
});

test("[archive] canonical JSON doesn't depend on the order of keys, and parses to the same value", () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => {
    const text = canonicalJson(value);
    expect(canonicalJson(JSON.parse(text))).toBe(text);
    expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
  }));
  expect(canonicalJson({ b: 1, a: [{ d: undefined, c: "\u20ac" }] })).toBe('{"a":[{"c":"€"}],"b":1}');
});

const sealing = { salt: "0".repeat(32), content_hash: "0".repeat(64) };
const message = (seq: number, content: string): SegmentEvent => ({
  type: "msg", conversation_id: mintGroupId("0".repeat(32), null), epoch: 1, seq, msg_id: msgIdAt(1_800_000_000_000_000 + seq, new Uint8Array(8)), sender_id: "ann",
  sent_at: 1_800_000_000_000, client_msg_id: "k", msg_no: seq, content, content_type: "text", ...sealing,
});

test("[archive] a segment comes back as it was sealed, and a hole, a swap or a cut is noticed", () => {
  fc.assert(fc.property(fc.array(fc.string({ unit: "binary" }), { minLength: 1, maxLength: 20 }), (contents) => {
    const events = contents.filter((content) => content.isWellFormed()).map((content, i) => message(i + 5, content));
    if (events.length > 0) expect(decodeSegment(encodeSegment(events))).toEqual(events);
  }), { numRuns: 30 });
  const three = [message(1, "a"), message(2, "b"), message(3, "c")] as const;
  expect(() => decodeSegment(encodeSegment([three[0], three[2]]))).toThrow();
  expect(() => decodeSegment(encodeSegment([three[1], three[0]]))).toThrow();
  expect(() => decodeSegment(encodeSegment([...three]).slice(0, -20))).toThrow();
  const key = segmentKey("ab", three[0].conversation_id, 1, 1, 3);
  expect(parseSegmentKey(key)).toEqual({ conversation_id: three[0].conversation_id, epoch: 1, from_seq: 1, to_seq: 3 });
  expect(["segments/../x/1/1-3.ndjson.gz", "other", key.slice(0, -3)].map(parseSegmentKey)).toEqual([null, null, null]);
});

test("[bad input] decoding never throws, and answers each item with a frame or a typed error", () => {
  fc.assert(fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.json(), fc.jsonValue().map((value) => JSON.stringify([value, value]))), (text) => {
    for (const decoded of decodeFrames(text)) if (!decoded.ok) expect(Object.keys(ERRORS)).toContain(decoded.error.code);
  }));
  const frame = fc.record({
    type: fc.constantFrom("msg", "IMAGE", "resume", "nope", 7, null), to: fc.option(fc.anything(), { nil: undefined }), client_msg_id: fc.anything(), content: fc.anything(),
    cursors: fc.anything(), user_seq: fc.anything(), content_type: fc.anything(), media_key: fc.anything(),
  }, { requiredKeys: ["type"] });
  fc.assert(fc.property(frame, (given) => {
    let text: string;
    try {
      text = JSON.stringify(given);
    } catch {
      return;
    }
    expect(decodeFrames(text)).toHaveLength(1);
  }));
});

test("[A3] the documents' frame is complete as it stands", () => {
  expect(decodeFrames('{"type":"msg","to":"bob","content":"Hi!","client_msg_id":"uuid-123"}')).toEqual([
    { ok: true, frame: { type: "msg", to: "bob", content: "Hi!", client_msg_id: "uuid-123", content_type: "text" } },
  ]);
  expect(encodeFrames([{ a: 1 }])).toBe('{"a":1}');
  expect(encodeFrames([{ a: 1 }, { b: 2 }])).toBe('[{"a":1},{"b":2}]');
});

test("[settings] the environment's values are checked, and a wrong one is named", () => {
  expect(pinnedSettings({ CONFAB_RATE_LIMIT: "0", CONFAB_HOT_EVENTS: "", OTHER: "x" })).toEqual({ rate_limit: 0 });
  for (const value of ["abc", "-1", "1.5", "NaN", "1e99"]) expect(() => pinnedSettings({ CONFAB_RATE_LIMIT: value })).toThrow(/CONFAB_RATE_LIMIT/);
  expect(Object.keys(DEFAULT_SETTINGS).length).toBeGreaterThan(5);
});

test("[archive] the event types and their fields are those of segment format 1", () => {
  const fields = Object.fromEntries(Object.entries(EVENT_BODIES).map(([type, schema]) => [type, Object.keys(schema.entries).join(" ")]));
  // A change here changes what lies in archives for years: only optional fields are ever added.
  expect(fields).toEqual({
    created: "kind title members max_members location_hint jurisdiction encryption",
    msg: "content content_type media_key media reply_to mentions gap",
    edit: "target_msg_id target_seq content mentions",
    delete: "target_msg_id target_seq",
    react: "target_msg_id target_seq emoji on",
    member_added: "user_id role",
    member_removed: "user_id",
    member_role: "user_id role",
    title: "title",
    settings: "changes",
  });
});
