import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { ROOT } from "../../scripts/build.ts";
import { deployedSettings, mediaSource, withMediaSource } from "../../scripts/build/headers.ts";
import { freshFolder, removeFolder } from "../product/folders.ts";

const headers = readFileSync(path.join(ROOT, "web/_headers"), "utf8");
const policyOf = (source: string) => Object.fromEntries((/Content-Security-Policy: (.*)/.exec(withMediaSource(headers, source))?.[1] ?? "").split("; ").map((directive) => [directive.split(" ")[0] ?? "", directive.split(" ").slice(1)]));

describe("the page's policy", () => {
  test("[A20] lets files come from the deployment's own bucket, and from nowhere else", () => {
    const source = mediaSource({ MEDIA_ENDPOINT: "https://0123.r2.cloudflarestorage.com", MEDIA_BUCKET: "confab-media" });
    const policy = policyOf(source);
    expect(policy).toMatchObject({
      "default-src": ["'self'"], "img-src": ["'self'", "blob:", "https://0123.r2.cloudflarestorage.com/confab-media/"],
      "media-src": ["'self'", "blob:", "https://0123.r2.cloudflarestorage.com/confab-media/"], "connect-src": ["'self'", "https://0123.r2.cloudflarestorage.com/confab-media/"],
      "object-src": ["'none'"],
    });
    for (const scripts of ["script-src", "frame-src", "style-src"]) expect(policy[scripts]).toBeUndefined();
  });

  test("names nothing where files lie on the page's own origin, or there are none", () => {
    for (const settings of [{}, { MEDIA_ENDPOINT: "http://127.0.0.1:9", MEDIA_ORIGIN: "/cdn-cgi/local/r2/s3", MEDIA_BUCKET: "b" }]) {
      expect(policyOf(mediaSource(settings))).toMatchObject({ "img-src": ["'self'", "blob:"], "media-src": ["'self'", "blob:"], "connect-src": ["'self'"] });
    }
  });

  test("is no place for a setting to add directives of its own", () => {
    expect(mediaSource({ MEDIA_ENDPOINT: "https://a.test/x;script-src *" })).toBe("https://a.test");
    expect(mediaSource({ MEDIA_ENDPOINT: "https://a.test/x, y" })).toBe("https://a.test");
  });

  test("follows the deployment's settings, and what the environment says above them", () => {
    const folder = freshFolder();
    try {
      writeFileSync(path.join(folder, "wrangler.toml"), '[vars]\n# MEDIA_ORIGIN = "https://old.test"\nMEDIA_ENDPOINT = "https://one.test"\nMEDIA_BUCKET = "b"\n');
      expect(mediaSource(deployedSettings(folder, {}))).toBe("https://one.test/b/");
      expect(mediaSource(deployedSettings(folder, { MEDIA_ORIGIN: "https://two.test/" }))).toBe("https://two.test/b/");
    } finally {
      removeFolder(folder);
    }
  });
});
