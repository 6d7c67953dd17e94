// What bootstrap sees in node_modules, and how it stands in for the script that it runs.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { installProblem, markInstalled } from "../../scripts/bootstrap/installed.mjs";

const root = mkdtempSync(path.join(tmpdir(), "confab-bootstrap-"));
afterAll(() => rmSync(root, { recursive: true }));

type Entry = { version: string; integrity?: string; optional?: boolean; os?: string[]; cpu?: string[] };
const HERE: Entry = { version: "1.0.0", optional: true, os: [process.platform], cpu: [process.arch] };
const LOCK: Record<string, Entry> = {
  "node_modules/a": { version: "1.0.0", integrity: "x" },
  "node_modules/native": HERE,
  "node_modules/foreign": { ...HERE, os: ["plan9"] },
  "node_modules/part-of-foreign": { version: "1.0.0", optional: true },
};

function lock(packages: Record<string, Entry>): void {
  writeFileSync(path.join(root, "package-lock.json"), JSON.stringify({ packages: { "": {}, ...packages } }));
}

/** What `npm ci` would leave. */
function install(packages: Record<string, Entry>): void {
  rmSync(path.join(root, "node_modules"), { recursive: true, force: true });
  for (const name of Object.keys(packages)) {
    mkdirSync(path.join(root, name), { recursive: true });
    writeFileSync(path.join(root, name, "package.json"), "{}");
  }
  writeFileSync(path.join(root, "node_modules/.package-lock.json"), JSON.stringify({ packages }));
}

function only(...names: string[]): Record<string, Entry> {
  return Object.fromEntries(Object.entries(LOCK).filter(([name]) => names.includes(name)));
}

describe("node_modules", () => {
  beforeEach(() => {
    lock(LOCK);
    install(only("node_modules/a", "node_modules/native"));
  });

  test("complete without what belongs to other systems, by hand or not", () => {
    expect(installProblem(root)).toBeNull();
  });

  test("absent, or left half done", () => {
    rmSync(path.join(root, "node_modules/.package-lock.json"));
    expect(installProblem(root)).toBe("not installed yet");
  });

  test("a package's folder is gone", () => {
    rmSync(path.join(root, "node_modules/a"), { recursive: true });
    expect(installProblem(root)).toBe("node_modules/a is missing");
  });

  test("installed without optional packages", () => {
    install(only("node_modules/a"));
    expect(installProblem(root)).toBe("node_modules/native is missing");
  });

  test("an optional package that npm could not install stays absent after an installation of our own", () => {
    install(only("node_modules/a"));
    markInstalled(root);
    expect(installProblem(root)).toBeNull();
  });

  test("stale: another version, other content, a new package", () => {
    markInstalled(root);
    lock({ ...LOCK, "node_modules/a": { version: "2.0.0" } });
    expect(installProblem(root)).toBe("node_modules/a is 1.0.0, the lock file says 2.0.0");
    lock({ ...LOCK, "node_modules/a": { version: "1.0.0", integrity: "y" } });
    expect(installProblem(root)).not.toBeNull();
    lock({ ...LOCK, "node_modules/b": { version: "1.0.0" } });
    expect(installProblem(root)).toBe("node_modules/b is missing");
  });

  test("no lock file", () => {
    rmSync(path.join(root, "package-lock.json"));
    expect(() => installProblem(root)).toThrow("package-lock.json");
  });
});

describe("the script that is run", () => {
  const script = path.join("test", "scripts", "bootstrap", "told.ts");

  function start(...args: string[]): { child: ReturnType<typeof spawn>; firstLine: Promise<string>; end: Promise<unknown[]> } {
    const child = spawn(process.execPath, ["scripts/bootstrap.mjs", script, ...args], {
      stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, NODE_OPTIONS: "--no-warnings" },
    });
    // SIGTERM, which is forwarded: a failed test leaves nothing running.
    onTestFinished(() => { child.kill(); });
    const firstLine = once(child.stdout, "data").then(([chunk]) => String(chunk));
    return { child, firstLine, end: once(child, "exit") };
  }

  test("gets its arguments, Node 24, the project's tools first on PATH and no NODE_OPTIONS", async () => {
    const { firstLine, end } = start("code", "7");
    const told = JSON.parse(await firstLine) as { args: string[]; node: string; path: string; options: string | null };
    expect(told.args).toEqual(["code", "7"]);
    expect(Number(told.node.split(".")[0])).toBeGreaterThanOrEqual(24);
    expect(told.path.split(path.delimiter)[1]).toBe(path.resolve("node_modules", ".bin"));
    expect(told.options).toBeNull();
    expect(await end).toEqual([7, null]);
  });

  test.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)("%s reaches it once, and its own end is passed on", async (signal) => {
    const { child, firstLine, end } = start("wait");
    await firstLine;
    const later = once(child.stdout ?? process.stdin, "data");
    child.kill(signal);
    expect(String((await later)[0])).toBe(`${signal}\n`);
    expect(await end).toEqual([5, null]);
  });

  test("dies of the signal that it died of", async () => {
    const { child, firstLine, end } = start("die");
    await firstLine;
    child.kill("SIGTERM");
    expect(await end).toEqual([null, "SIGTERM"]);
  });
});
