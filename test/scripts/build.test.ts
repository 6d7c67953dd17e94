// The build: what it writes, when it has nothing to do, and broken variants on purpose.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { build, patchOnce, ROOT, type Edit, type Sources } from "../../scripts/build.ts";

let folder: string;
let outDir: string;
let sources: Sources;

beforeEach(() => {
  // Below the repository, because a patch names sources by their path in it.
  mkdirSync(path.join(ROOT, ".cache"), { recursive: true });
  folder = mkdtempSync(path.join(ROOT, ".cache", "build-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  outDir = path.join(folder, "dist");
  sources = { worker: path.join(folder, "workers/index.ts"), web: path.join(folder, "web") };
  source("workers/index.ts", 'import { answer } from "./answer.ts";\nexport class Conversation {}\nexport default { fetch: () => new Response(String(answer)) };\n');
  source("workers/answer.ts", "export const answer: number = 41 + 1;\n");
  source("web/main.ts", "document.title = 'Confab';\n");
  source("web/index.html", "<!doctype html>\n");
  source("web/_headers", "/*\n  X-Content-Type-Options: nosniff\n");
});

function source(file: string, text: string): void {
  mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
  writeFileSync(path.join(folder, file), text);
}

function built(file: string): string {
  return readFileSync(path.join(outDir, file), "utf8");
}

function edit(fields: Partial<Edit>): Edit {
  return { name: "answer off", file: inRepository("workers/answer.ts"), find: "41 + 1", replace: "0", ...fields };
}

function inRepository(file: string): string {
  return path.relative(ROOT, path.join(folder, file));
}

describe("a build", () => {
  test("holds the Worker, the page, its files and its headers", async () => {
    expect(await build({ outDir, sources })).toBe(true);
    expect(built("worker/index.js")).toContain("41 + 1");
    expect(built("web/main.js")).toContain("Confab");
    expect(built("web/index.html")).toBe("<!doctype html>\n");
    expect(built("web/_headers")).toContain("nosniff");
    expect(existsSync(path.join(outDir, "web/main.ts"))).toBe(false);
  });

  test("is skipped while nothing changed", async () => {
    await build({ outDir, sources });
    expect(await build({ outDir, sources })).toBe(false);
  });

  test.each([
    ["an imported file changed", () => source("workers/answer.ts", "export const answer = 7;\n")],
    ["a copied file changed", () => source("web/index.html", "<!doctype html><p>")],
    ["a file came to the page", () => source("web/icon.svg", "<svg/>")],
    ["a file of the page went", () => rmSync(path.join(folder, "web/_headers"))],
    ["an output is gone", () => rmSync(path.join(outDir, "worker/index.js"))],
    ["the stamp is cut off", () => writeFileSync(path.join(outDir, "stamp.json"), '{"settings":')],
  ])("is made again when %s", async (_what, change) => {
    await build({ outDir, sources });
    change();
    expect(await build({ outDir, sources })).toBe(true);
    expect(await build({ outDir, sources })).toBe(false);
  });

  test("drops the files that are no longer part of it", async () => {
    source("web/old.css", "p {}");
    await build({ outDir, sources });
    rmSync(path.join(folder, "web/old.css"));
    await build({ outDir, sources });
    expect(existsSync(path.join(outDir, "web/old.css"))).toBe(false);
  });

  test("that fails leaves the last one as it was", async () => {
    await build({ outDir, sources });
    source("workers/answer.ts", "export const answer: = ;\n");
    await expect(build({ outDir, sources })).rejects.toThrow(/answer\.ts:1/);
    expect(built("worker/index.js")).toContain("41 + 1");
  });

  test("is made once when several ask for it at the same time", async () => {
    const results = await Promise.all([1, 2, 3].map(() => build({ outDir, sources })));
    expect(results.filter(Boolean)).toHaveLength(1);
  });
});

describe("a patched build", () => {
  test("differs in the patched place and never counts as current", async () => {
    const options = { outDir, sources, patch: patchOnce(edit({})) };
    expect(await build(options)).toBe(true);
    expect(built("worker/index.js")).not.toContain("41 + 1");
    expect(await build({ outDir, sources })).toBe(true);
    expect(built("worker/index.js")).toContain("41 + 1");
  });

  test("takes expressions and several edits of one file", async () => {
    await build({ outDir, sources, patch: patchOnce(edit({ find: /\d+ \+/, replace: "7 +" }), edit({ name: "two", find: "answer:", replace: "answer :" })) });
    expect(built("worker/index.js")).toContain("7 + 1");
  });

  test.each([
    ["matches nothing", { find: "43" }, /patch answer off: expected one match in \S+answer\.ts, found 0/],
    ["matches twice", { find: "1" }, /patch answer off: expected one match in \S+answer\.ts, found 2/],
    ["names a file that is not built", { file: "workers/gone.ts" }, /patch answer off: workers\/gone\.ts is not part of the build/],
  ])("fails when an edit %s", async (_what, wrong, message) => {
    await expect(build({ outDir, sources, patch: patchOnce(edit(wrong)) })).rejects.toThrow(message);
  });
});
