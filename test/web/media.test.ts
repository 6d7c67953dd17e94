import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ConversationRow, Message } from "../../client/client.ts";
import { previewOf, quoteOf } from "../../web/rows.ts";
import { waveformOf } from "../../web/media/waveform.ts";
import { briefOf, lengthWords, sizeWords, spokenLength } from "../../web/media/words.ts";

describe("files in words", () => {
  test("sizes as systems show them, never four digits", () => {
    expect([0, 1, 999, 1_000, 1_449, 9_949, 9_951, 999_499, 999_500, 25 * 1024 * 1024, 2_048 * 1024 * 1024].map(sizeWords)).toEqual(
      ["0 bytes", "1 byte", "999 bytes", "1.0 kB", "1.4 kB", "9.9 kB", "10 kB", "999 kB", "1.0 MB", "26 MB", "2.1 GB"]);
    fc.assert(fc.property(fc.nat(2 ** 31), (bytes) => {
      expect(sizeWords(bytes)).toMatch(/^\d{1,3}(\.\d)? (byte|bytes|kB|MB|GB)$/);
    }));
  });

  test("lengths for eyes and for ears", () => {
    expect([0, 499, 7_000, 59_600, 750_000, 3_723_000].map(lengthWords)).toEqual(["0:00", "0:00", "0:07", "1:00", "12:30", "1:02:03"]);
    expect([0, 1_000, 125_000].map(spokenLength)).toEqual(["0 seconds", "1 second", "2 minutes 5 seconds"]);
  });

  test("a message without words is called by its kind, a document by its name: in the list, in quotes, in questions", () => {
    expect(briefOf({ content: "", content_type: "image", media: { name: "a.png" } })).toBe("Photo");
    expect(briefOf({ content: "", content_type: "document", media: { name: "plan.pdf" } })).toBe("plan.pdf");
    expect(briefOf({ content: "see", content_type: "video" })).toBe("see");
    const last = { seq: 1, msg_id: "m1", sender_id: "ann", sent_at: 1, content_type: "audio", preview: "" };
    expect(previewOf({ kind: "direct", last_message: last } as unknown as ConversationRow, "ann")).toBe("You: Voice message");
    expect(quoteOf("m1", { content: "", content_type: "audio", sender_id: "bob" } as Message).text).toBe("Voice message");
  });
});

describe("a waveform", () => {
  test("[B3] is 0 to 255 for each stretch, the loudest 255; silence stays silent", () => {
    fc.assert(fc.property(fc.float32Array({ min: -1, max: 1, noNaN: true, maxLength: 2_000 }), fc.integer({ min: 1, max: 256 }), (samples, stretches) => {
      const made = waveformOf(samples, stretches);
      expect(made).toHaveLength(stretches);
      expect(made.every((one) => Number.isInteger(one) && one >= 0 && one <= 255)).toBe(true);
    }));
    const loudInTheMiddle = Float32Array.from({ length: 400 }, (_, i) => (i >= 100 && i < 200 ? 0.8 : i >= 200 && i < 300 ? -0.4 : 0));
    expect(waveformOf(loudInTheMiddle, 4)).toEqual([0, 255, 128, 0]);
    expect(Math.max(...waveformOf(new Float32Array(400).fill(0.0001), 4))).toBeLessThan(5);
  });
});
