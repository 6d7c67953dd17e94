// Types by bytes: real beginnings of files, recognized as in production.
import { describe, expect, test } from "vitest";
import { decideType, kindOf } from "../../domain/media.ts";
import { recognize } from "../../media/recognize.ts";
import { MEDIA_LIMITS } from "../../protocol/media.ts";
import { FILES, OTHER_FILES, POLYGLOTS } from "../media/samples.ts";

const fits = async (declared: string, bytes: Uint8Array): Promise<boolean> => {
  const start = bytes.subarray(0, 4_096);
  return decideType(declared, await recognize(start), start);
};

test("[M9] every type that is taken belongs to one kind, and its own bytes bear it out", async () => {
  const types = Object.values(MEDIA_LIMITS).flatMap(({ types: all }) => all);
  expect(Object.keys(FILES).toSorted()).toEqual(types.toSorted());
  for (const type of types) {
    expect(Object.keys(MEDIA_LIMITS)).toContain(kindOf(type));
    for (const file of FILES[type] ?? []) expect([type, await fits(type, file)]).toEqual([type, true]);
  }
  expect(kindOf("application/x-msdownload")).toBeNull();
});

/** A container of films may hold sound alone, an archive may be a document, and any text is text. */
const OFFICE = MEDIA_LIMITS.document.types.filter((type) => type.includes("openxmlformats"));

function allowed(declared: string, actual: string): boolean {
  if (declared === actual || declared === "application/octet-stream") return true;
  if (declared === "application/zip") return OFFICE.includes(actual);
  if (OFFICE.includes(declared)) return actual === "application/zip";
  if (["text/plain", "text/csv", "text/html"].includes(declared)) return ["text/plain", "text/csv", "text/html", "application/json", "image/svg+xml"].includes(actual);
  if (declared === "audio/mp4") return actual === "video/mp4";
  return ["video/webm", "audio/webm"].includes(declared) && ["video/webm", "audio/webm"].includes(actual);
}

test("[M9] the bytes of any other type are refused", async () => {
  const wrong: string[] = [];
  for (const declared of Object.keys(FILES)) {
    for (const [actual, files] of Object.entries(FILES)) {
      for (const file of files) if ((await fits(declared, file)) !== allowed(declared, actual)) wrong.push(`${declared} that is ${actual}`);
    }
  }
  expect(wrong).toEqual([]);
});

describe("[M9] what is two things at once is not shown", () => {
  const page = new TextEncoder().encode("<!DOCTYPE html><script>alert(1)</script>");
  test.each(Object.keys(FILES).filter((type) => /^(image|video|audio)\//.test(type) && type !== "image/svg+xml"))("%s", async (type) => {
    const [file] = FILES[type] ?? [];
    expect(await fits(type, new Uint8Array([...(file ?? new Uint8Array()).subarray(0, 2_000), ...page]))).toBe(false);
  });
  test.each(Object.entries(POLYGLOTS))("%s", async (_name, { type, bytes }) => {
    expect(await fits(type, bytes)).toBe(false);
  });
});

test("[M9] a picture that is a script, a program, a page or nothing is no picture", async () => {
  for (const [name, bytes] of Object.entries(OTHER_FILES)) {
    for (const type of Object.keys(FILES).filter((declared) => /^(image|video|audio)\/|pdf|zip|openxml/.test(declared))) {
      expect([name, type, await fits(type, bytes)]).toEqual([name, type, false]);
    }
  }
});

test("[M9] [C12] a file that only seems to become a picture is refused at once: its look costs no more than its length", async () => {
  const comments = (count: number) => new TextEncoder().encode("<!---->".repeat(count));
  // Each one more would double it, if a comment could end in two places. The first of these would end within the test's time.
  for (const count of [24, 580]) {
    const began = performance.now();
    expect(await fits("image/svg+xml", comments(count))).toBe(false);
    expect(performance.now() - began).toBeLessThan(1_000);
  }
  expect(await fits("image/svg+xml", new Uint8Array([...comments(500), ...new TextEncoder().encode("<svg/>")]))).toBe(true);
});

test("[M9] text is what has no byte that no text has", async () => {
  const text = (content: string) => new TextEncoder().encode(content);
  expect(await fits("text/plain", text("MZ is how a program begins, and this is a sentence."))).toBe(true);
  expect(await fits("text/plain", new Uint8Array([0xff, 0xfe, 0x68, 0, 0x69, 0]))).toBe(true);
  expect(await fits("text/plain", new Uint8Array([0x68, 0xe9, 0x0a]))).toBe(true);
  expect(await fits("text/plain", new Uint8Array([0x68, 0, 0x69]))).toBe(false);
  expect(await fits("application/json", text("\u{FEFF} [1]"))).toBe(true);
  expect(await fits("application/json", text("<a>"))).toBe(false);
  expect(await fits("image/svg+xml", text("<!-- a --><!DOCTYPE svg PUBLIC 'x' 'y'>\n<svg/>"))).toBe(true);
  expect(await fits("image/svg+xml", text("<html><svg/></html>"))).toBe(false);
});
