// The log files of the children: bounded, and short on the terminal.
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { LineLog } from "../../../scripts/start/line-log.ts";
import { LogFile } from "../../../scripts/start/log-file.ts";
import { sortRuntimeLine } from "../../../scripts/start/runtime-line.ts";

let file: string;
beforeEach(() => {
  const folder = mkdtempSync(path.join(tmpdir(), "confab-logs-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  file = path.join(folder, "logs", "edge.log");
});

function lines(of = file): string[] {
  return readFileSync(of, "utf8").split("\n").filter(Boolean);
}

test("a full file becomes the first of the older ones, and the oldest goes", () => {
  const log = new LogFile(file, { bytes: 10, older: 2 });
  for (const line of ["11111111", "22222222", "33333333", "44444444"]) {
    log.write(line);
    log.flush();
  }
  expect([lines(), lines(`${file}.1`), lines(`${file}.2`)]).toEqual([["44444444"], ["33333333"], ["22222222"]]);
  expect(existsSync(`${file}.3`)).toBe(false);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test("a file of an earlier start is continued and counts", () => {
  const earlier = new LogFile(file, { bytes: 10, older: 2 });
  earlier.write("1234567");
  earlier.flush();
  const log = new LogFile(file, { bytes: 10, older: 2 });
  log.write("next");
  log.flush();
  expect([lines(), lines(`${file}.1`)]).toEqual([["next"], ["1234567"]]);
});

test("a file that can't be written is said once and stops nothing", () => {
  const said = vi.spyOn(console, "error").mockImplementation(() => undefined);
  onTestFinished(() => said.mockRestore());
  const log = new LogFile(file);
  rmSync(path.dirname(file), { recursive: true });
  for (const line of ["a", "b"]) {
    log.write(line);
    log.flush();
  }
  expect(said).toHaveBeenCalledTimes(1);
});

test("JSON lines are kept as they are; others are wrapped", () => {
  const log = new LineLog("edge", new LogFile(file), () => undefined);
  log.write('{"level":"info","event":"sealed"}', "error");
  log.write("plain", "warn");
  log.flush();
  expect(lines()[0]).toBe('{"level":"info","event":"sealed"}');
  expect(JSON.parse(lines()[1] ?? "")).toMatchObject({ level: "warn", event: "output", message: "plain" });
});

test("only errors reach the terminal: one short line each, and no more than five a second", () => {
  vi.useFakeTimers({ now: 10_000 });
  onTestFinished(() => { vi.useRealTimers(); });
  const shown: string[] = [];
  const log = new LineLog("edge", new LogFile(file), (line) => shown.push(line));
  log.write('{"level":"warn","event":"slow"}', "error");
  log.write(`{"level":"error","event":"alarm_failed","error":"${"x".repeat(500)}"}`, "info");
  for (let count = 0; count < 10; count += 1) log.write("one\n  two", "error");
  expect(shown).toHaveLength(5);
  expect(shown[0]).toMatch(/^edge: alarm_failed: x{100,200}…$/);
  expect(shown[1]).toBe("edge: one two");
  vi.setSystemTime(11_000);
  log.write("later", "error");
  expect(shown.slice(5)).toEqual(["edge: 6 more errors, see logs/edge.log", "edge: later"]);
});

test.each([
  ['{"level":"error","event":"x"}', "error", { level: "error", text: '{"level":"error","event":"x"}' }],
  ["uncaught exception; source = Uncaught (in promise); stack = Error: oops\n    at f (file:///worker/index.js:1:2)", "info",
    { level: "error", text: "uncaught: Error: oops\n    at f (file:///worker/index.js:1:2)" }],
  ["uncaught exception; source = Uncaught (in promise); stack = Error: oops\n    at async r (file:///x/miniflare/dist/router.js:1:2)", "info", null],
  ["uncaught exception; source = Uncaught (in promise); stack = Error: oops", "info", null],
  ["uncaught exception; exception = workerd/jsg/value.h:1511: failed: jsg.Error: oops\nstack: a@1 b@2", "info", null],
  ["exception = kj/compat/http.c++:3037: disconnected: WebSocket disconnected between frames\nstack: a@1", "info", null],
  ["disk I/O error; fatal", "error", { level: "error", text: "disk I/O error; fatal" }],
])("of what the runtime says, %j (%s) becomes %j", (message, level, sorted) => {
  expect(sortRuntimeLine({ timestamp: 0, level, message })).toEqual(sorted);
});
