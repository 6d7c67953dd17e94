// The project keeps to the table of folders and to the rules that go with it; each rule is broken on purpose first.
import { globSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readFacts } from "./architecture/facts.ts";
import { FOLDERS, MAX_LINES } from "./architecture/folders.ts";
import { breaches } from "./architecture/rules.ts";

/** What nobody wrote, and folders of tools. */
const LEFT_OUT = (name: string): boolean => name === "node_modules" || name === "dist" || (name.startsWith(".") && name !== ".");

function check(tree: Record<string, string>): string[] {
  return breaches(readFacts(new Map(Object.entries(tree))));
}

function projectFiles(): Map<string, string> {
  const files = globSync("**/*.{ts,mts,cts,tsx,js,mjs,cjs}", { exclude: LEFT_OUT });
  return new Map(files.map((file) => [file, readFileSync(file, "utf8")]));
}

test("the project keeps to the table", () => {
  const files = projectFiles();
  expect(files.size).toBeGreaterThan(50);
  expect(breaches(readFacts(files))).toEqual([]);
});

describe("an import that the table does not allow is found", () => {
  test.each([
    ["import", `import { x } from "../client/x.ts"; x();`],
    ["import of a type", `import type { X } from "../client/x.ts"; export const x: X = 1;`],
    ["import for its effect", `import "../client/x.ts";`],
    ["re-export", `export { x } from "../client/x.ts";`],
    ["re-export of all", `export * from "../client/x.ts";`],
    ["re-export of a type", `export type { X } from "../client/x.ts";`],
    ["dynamic import", `export const x = await import("../client/x.ts");`],
    ["type by import()", `export type X = import("../client/x.ts").X;`],
    ["import that goes around", `import "./inner/../../client/x.ts";`],
    ["require", `export const x = require("../client/x.ts");`],
  ])("%s", (_form, source) => {
    expect(check({ "protocol/a.ts": source })).toEqual(["protocol/a.ts:1 may not import client/x.ts"]);
  });

  test("a computed import", () => {
    expect(check({ "domain/a.ts": `export const load = (name: string) => import(name);` })).toEqual(["domain/a.ts:1 may not import the package (computed)"]);
  });

  test("what only looks like an import is none", () => {
    expect(check({ "domain/a.ts": `// import "../client/x.ts"\nexport const text = 'import "../client/x.ts"';` })).toEqual([]);
  });
});

describe("every row of the table holds", () => {
  const names = Object.keys(FOLDERS);
  const pairs = names.flatMap((from) => names.filter((to) => to !== from).map((to) => [from, to] as const));
  const ALLOWED = new Set([
    "domain protocol", "durable-objects domain", "durable-objects protocol", "durable-objects migrations", "durable-objects log",
    "workers durable-objects", "workers domain", "workers protocol", "workers log", "archiver domain", "archiver protocol",
    "archiver migrations", "archiver log", "client protocol", "client domain", "web client", "bench client", "bench protocol",
    "verify client", "verify protocol", "durable-objects media", "workers media", "media protocol", "media domain",
  ]);

  test("between folders", () => {
    const files = Object.fromEntries(pairs.map(([from, to]) => [`${from}/to-${to}.ts`, `import "../${to}/x.ts";`]));
    const forbidden = pairs.filter(([from, to]) => from !== "scripts" && from !== "test" && !ALLOWED.has(`${from} ${to}`));
    expect(check(files)).toEqual(forbidden.map(([from, to]) => `${from}/to-${to}.ts:1 may not import ${to}/x.ts`));
  });

  test.each([
    ["domain/a.ts", "valibot"], ["protocol/a.ts", "node:fs"], ["client/a.ts", "node:crypto"], ["web/a.ts", "hono"],
    ["durable-objects/session/a.ts", "hono"], ["durable-objects/session/a.ts", "node:fs"], ["workers/a.ts", "cassandra-driver"],
    ["archiver/a.ts", "itty-durable"], ["log/a.ts", "node:util"], ["migrations/a.ts", "valibot"],
    ["protocol/codec-json.ts", "@bufbuild/protobuf/wire"],
  ])("%s may not import the package %s", (file, name) => {
    expect(check({ [file]: `import "${name}";` })).toEqual([`${file}:1 may not import the package ${name}`]);
  });

  test("the protobuf codec alone may see its library", () => {
    expect(check({ "protocol/codec-protobuf.ts": `import "@bufbuild/protobuf/wire";` })).toEqual([]);
  });

  test("a folder that the table does not have", () => {
    expect(check({ "helpers/a.ts": "export {};" })).toEqual(["helpers/a.ts is in a folder that the table does not have"]);
  });
});

describe("SQL stands in stores only", () => {
  test.each([
    "SELECT seq FROM events", "select seq\n from events", "INSERT OR IGNORE INTO events VALUES (?)", "UPDATE events SET seq = ?",
    "DELETE FROM events", "CREATE TABLE x (y)", "CREATE UNIQUE INDEX x ON y (z)", "PRAGMA page_count", "WITH a AS (SELECT 1) SELECT 2",
    "UPDATE messages USING TTL ? SET content = ?", "BEGIN UNLOGGED BATCH",
  ])("%s", (query) => {
    expect(check({ "durable-objects/session/object.ts": `export const q = ${JSON.stringify(query)};` })).toHaveLength(1);
    expect(check({ "archiver/loop.ts": `export const q = \`${query}\`;` })).toHaveLength(1);
    expect(check({ "durable-objects/session/store.ts": `export const q = \`${query}\`;`, "archiver/stores/sqlite.ts": `export const q = \`${query}\`;` })).toEqual([]);
  });

  test("with a value in it", () => {
    expect(check({ "workers/a.ts": "export const q = (t: string) => `SELECT seq FROM ${t} WHERE seq = 1`;" })).toHaveLength(1);
  });

  test("prose is none", () => {
    expect(check({ "workers/a.ts": `export const texts = ["select a name", "update your client", "deleted from here", "create a group"];` })).toEqual([]);
  });
});

describe("domain is pure", () => {
  test.each([
    "Date.now()", "Math.random()", "new Date()", "Date()", "crypto.randomUUID()", "performance.now()", "globalThis.crypto",
    "setTimeout(run, 1)", "fetch(url)", "process.env", "[{ crypto }]",
  ])("%s", (expression) => {
    expect(check({ "domain/a.ts": `export const x = ${expression};` })).toHaveLength(1);
    expect(check({ "test/a.ts": `export const x = ${expression};` })).toEqual([]);
  });

  test("what is given is no clock", () => {
    expect(check({ "domain/a.ts": `export const x = (now: number, o: { crypto: number }) => [new Date(now), Math.max(1, 2), o.crypto, { crypto: 1, now }];` })).toEqual([]);
  });
});

test.each(["protocol", "domain", "durable-objects", "workers", "archiver", "client", "web", "test"])("console in %s is found", (folder) => {
  const line = `${folder}/a.ts:2 uses console.info; log/ is for that`;
  expect(check({ [`${folder}/a.ts`]: `stub(console, "error");\nconsole.info("x");` })).toEqual([line]);
});

test.each(["scripts", "bench", "verify", "log"])("console in %s is allowed", (folder) => {
  expect(check({ [`${folder}/a.ts`]: `console.info("x");` })).toEqual([]);
});

test("a file over the limit is found", () => {
  const lines = (count: number): string => "export {};\n".repeat(count);
  expect(check({ "client/a.ts": lines(MAX_LINES), "client/b.ts": lines(MAX_LINES + 1) })).toEqual([`client/b.ts has ${MAX_LINES + 1} lines, over ${MAX_LINES}`]);
});

test("a test that no run would find is found", () => {
  expect(check({ "client/a.test.ts": "export {};" })).toEqual(["client/a.test.ts is a test outside test/, where none runs"]);
});

test("a file that does not parse is no pass", () => {
  expect(() => check({ "client/a.ts": "export const = ;" })).toThrow("client/a.ts has a syntax error");
});
