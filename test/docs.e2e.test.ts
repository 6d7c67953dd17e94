// The README against the started product: its program does what it says, and what it says is missing is missing.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { type Product, startProduct } from "./product.ts";

const ROOT = path.resolve(import.meta.dirname, "..");
const README = readFileSync(path.join(ROOT, "README.md"), "utf8");

/** Resolves with what was printed once every pattern was seen; rejects when the program ends before. */
function untilPrinted(file: string, patterns: readonly RegExp[]): Promise<string[]> {
  const child = spawn(process.execPath, [path.join(ROOT, "scripts/bootstrap.mjs"), file], { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGTERM"));
  const lines: string[] = [];
  return new Promise((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`it ended with ${code} after: ${lines.join(" / ")}`)));
    createInterface({ input: child.stdout }).on("line", (line) => {
      lines.push(line);
      if (patterns.every((pattern) => lines.some((printed) => pattern.test(printed)))) resolve(lines);
    });
  });
}

let product: Product;
beforeAll(async () => {
  product = await startProduct({ env: { CONFAB_RATE_LIMIT: "0" } });
});
afterAll(() => product.discard());

test("the README's program runs as it stands: two people, a message, its place, and that it was read", async () => {
  const code = /```ts\n([\s\S]+?)```/.exec(README)?.[1] ?? "";
  expect(code.split("\n").length).toBeLessThan(24);
  expect(code).toContain('"http://127.0.0.1:8787"');
  // Below the project, where the packages that the client imports are found.
  mkdirSync(path.join(ROOT, ".cache"), { recursive: true });
  const folder = mkdtempSync(path.join(ROOT, ".cache", "readme-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, "hello.ts");
  writeFileSync(file, code.replace("http://127.0.0.1:8787", product.url).replace("./client/client.ts", "../../client/client.ts"));
  const lines = await untilPrinted(path.relative(ROOT, file), [/^ann: Hi!$/, /^committed as number 1 of d\.[0-9a-f]{64}$/, /^it is READ$/]);
  expect(lines.filter((line) => !/^it is (SENT|DELIVERED|READ)$/.test(line))).toHaveLength(2);
});

/** What the README names as planned or left out, and the frame types that would be it. */
const ABSENT_FRAMES: Record<string, string[]> = {
  calls: ["call"], stickers: ["sticker"],
};
const ABSENT_ROUTES: Record<string, [string, string][]> = {
  channels: [["POST", "/v1/channels"]],
  keys: [["POST", "/v1/keys"], ["GET", "/v1/keys/ann"]],
};

test("[D18] the README says what is provided beyond the designs, what is not there yet, and that calls and stickers are left out", async () => {
  const part = README.slice(README.indexOf("## What is there"), README.indexOf("## Folders"));
  const [there = "", missing = ""] = part.split("**Planned, not there yet.**");
  expect(missing).toMatch(/\*\*Beyond the five system designs.*checker.*archive.*resends/s);
  expect(missing).toMatch(/\*\*Left out for good:\*\* voice and video\s+calls, stickers/);
  const token = await product.token("ann");
  const ask = async (method: string, route: string, body?: object) => {
    const answer = await fetch(`${product.url}${route}`, { method, headers: { Authorization: `Bearer ${token}` }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    return `${answer.status} ${((await answer.json()) as { error?: { code: string } }).error?.code}`;
  };
  for (const [name, types] of Object.entries(ABSENT_FRAMES)) {
    expect(missing, name).toContain(name);
    expect(there, name).not.toContain(name);
    for (const type of types) expect(await ask("POST", "/v1/messages", { type }), type).toBe("400 unknown_type");
  }
  for (const [name, routes] of Object.entries(ABSENT_ROUTES)) {
    expect(missing, name).toContain(name);
    for (const [method, route] of routes) expect(await ask(method, route), route).toBe("404 not_found");
  }
});
