// What a deployment says of its store, how files are named there, and what the store's XML says.
import { expect, test } from "vitest";
import { contentKey, disposition, pathOf } from "../../media/names.ts";
import { type MediaEnv, readMediaSettings } from "../../media/settings.ts";
import { elements, escaped, textOf } from "../../media/xml.ts";

const STORE: MediaEnv = {
  MEDIA_ENDPOINT: "https://s3.test/base/", MEDIA_BUCKET: "b", MEDIA_ACCESS_KEY_ID: "k", MEDIA_SECRET_ACCESS_KEY: "s", MEDIA_SECRET: "m".repeat(32),
};

test("[A18] without a store there is no media, and half of one is an error that names what is missing", () => {
  expect(readMediaSettings({})).toBeNull();
  expect(readMediaSettings({ MEDIA_ENDPOINT: "", MEDIA_REGION: "auto", MEDIA_VERIFIES_SHA256: "on" })).toBeNull();
  for (const name of ["MEDIA_ENDPOINT", "MEDIA_BUCKET", "MEDIA_ACCESS_KEY_ID", "MEDIA_SECRET_ACCESS_KEY", "MEDIA_SECRET"]) {
    expect(() => readMediaSettings({ ...STORE, [name]: "" })).toThrow(`${name} must be set too`);
  }
  for (const [name, value] of [["MEDIA_ENDPOINT", "s3.test"], ["MEDIA_ENDPOINT", "ftp://s3.test"], ["MEDIA_ENDPOINT", "https://s3.test/?x"], ["MEDIA_SECRET", "short"], ["MEDIA_ORIGIN", "media.test"]] as const) {
    expect(() => readMediaSettings({ ...STORE, [name]: value })).toThrow(name);
  }
});

test("[A18] clients reach the store where it is unless something else is said, and hashes are checked unless the store does", () => {
  expect(readMediaSettings(STORE)).toMatchObject({ endpoint: "https://s3.test/base", origin: "https://s3.test/base", region: "auto", verifiesSha256: false });
  expect(readMediaSettings({ ...STORE, MEDIA_ORIGIN: "https://media.test/", MEDIA_REGION: "eu-1", MEDIA_VERIFIES_SHA256: "on" })).toMatchObject({ origin: "https://media.test", region: "eu-1", verifiesSha256: true });
  expect(readMediaSettings({ ...STORE, MEDIA_ORIGIN: "/files/" })).toMatchObject({ origin: "/files" });
  expect(readMediaSettings({ ...STORE, MEDIA_VERIFIES_SHA256: "off" })).toMatchObject({ verifiesSha256: false });
});

test("[B14] a content's name depends on its bytes, its type and the secret, and tells nothing of them", () => {
  const content = { sha256: "0".repeat(64), content_type: "image/png" };
  const key = contentKey("a", content);
  expect(key).toMatch(/^m\/[0-9a-f]{64}$/);
  expect(contentKey("a", content)).toBe(key);
  const others = [contentKey("b", content), contentKey("a", { ...content, sha256: "1".repeat(64) }), contentKey("a", { ...content, content_type: "image/gif" })];
  expect(new Set([key, ...others]).size).toBe(4);
});

test("[B20] only what a browser can't run is shown in place; a file's name is never more than a name", () => {
  expect(["image/png", "video/mp4", "audio/ogg"].map((type) => disposition(type))).toEqual(["inline", "inline", "inline"]);
  expect(["image/svg+xml", "text/html", "text/plain", "application/pdf", "", "image/PNG", "image/png "].map((type) => disposition(type))).toEqual(Array.from({ length: 7 }, () => "attachment"));
  expect(disposition("text/html", 'a"; filename=b.html\r\nx: y\'(1)*.html')).toBe("attachment; filename*=UTF-8''a%22%3B%20filename%3Db.html%0D%0Ax%3A%20y%27%281%29%2A.html");
});

test("[A18] each character of a key that an URL or a signature could take otherwise is encoded", () => {
  expect(pathOf("up/a|b@c:d+e_f-g.h/0")).toBe("up/a%7Cb%40c%3Ad%2Be_f-g.h/0");
});

test("the store's XML: elements in order, entities, attributes and none", () => {
  const xml = `<?xml version="1.0"?><List xmlns="x"><Contents><Key>a&amp;b&#x2F;&#99;</Key></Contents><Contents><Key></Key></Contents><ContentsOther>no</ContentsOther></List>`;
  expect(elements(xml, "Contents").map((one) => textOf(one, "Key"))).toEqual(["a&b/c", ""]);
  expect([textOf(xml, "Size"), textOf("not xml <", "Key")]).toEqual([null, null]);
  expect(textOf(`<E>${escaped(`"<&>'`)}</E>`, "E")).toBe(`"<&>'`);
});
