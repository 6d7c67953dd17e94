// The pages say what the code says: names, numbers, links and the rules' tests.
import { existsSync, globSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { newMetrics } from "../archiver/metrics.ts";
import { CLOSE, ERRORS } from "../protocol/errors.ts";
import { EVENT_TYPES } from "../protocol/events.ts";
import { DownFrame } from "../protocol/frames/down.ts";
import { UP_FRAMES } from "../protocol/frames/up.ts";
import * as limits from "../protocol/limits.ts";
import { DEFAULT_SETTINGS, SETTING_NAMES, Settings, settingVariable } from "../protocol/settings.ts";
import { FOLDERS } from "./architecture/folders.ts";

const PAGES = ["README.md", ...globSync("docs/**/*.md")].toSorted();
const read = (file: string): string => readFileSync(file, "utf8");
const protocol = read("docs/protocol.md");
const operations = read("docs/operations.md");

/** What stands below a heading, up to the next one. */
function section(page: string, heading: string): string {
  const lines = page.split("\n");
  const start = lines.findIndex((line) => /^##+ /.test(line) && line.replace(/^#+ /, "") === heading);
  expect(start, `the heading "${heading}"`).toBeGreaterThanOrEqual(0);
  const end = lines.findIndex((line, i) => i > start && /^##+ /.test(line));
  return lines.slice(start + 1, end === -1 ? lines.length : end).join("\n");
}

/** The cells of the first table in `text`, without its head. */
function table(text: string): string[][] {
  const lines = text.split("\n");
  const start = lines.findIndex((line) => /^\|[-|: ]+\|$/.test(line));
  expect(start, "a table").toBeGreaterThanOrEqual(0);
  const end = lines.findIndex((line, i) => i > start && !line.startsWith("|"));
  return lines.slice(start + 1, end === -1 ? lines.length : end).map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
}

const codes = (cell = ""): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);
const names = (rows: string[][]): string[] => rows.flatMap(([cell]) => codes(cell)).toSorted();
const numeric = (cell = ""): number => Number(/[\d,]+/.exec(cell)?.[0].replaceAll(",", ""));

/** Of all TypeScript in some folders, what a pattern's first group finds. */
function inSources(folders: string, pattern: RegExp): string[] {
  return globSync(`${folders}/**/*.ts`).flatMap((file) => [...read(file).matchAll(pattern)].map(([, found = ""]) => found));
}

describe("protocol.md", () => {
  test("the error table is the code's, in its order", () => {
    const told = table(section(protocol, "Errors")).map(([code, http, retry, message]) => [codes(code)[0], Number(http), retry, message]);
    expect(told).toEqual(Object.entries(ERRORS).map(([code, { http, retry, message }]) => [code, http, retry, message]));
  });

  test("the close codes are the code's", () => {
    const told = table(section(protocol, "Close codes")).map(([code, name]) => [codes(name)[0], Number(code)]);
    expect(Object.fromEntries(told)).toEqual(CLOSE);
  });

  test("the frames are those of the schemas, with their fields", () => {
    expect(names(table(section(protocol, "Frames from the client")))).toEqual(Object.keys(UP_FRAMES).toSorted());
    for (const [type, fields] of table(section(protocol, "Frames from the client"))) {
      const schema = UP_FRAMES[codes(type)[0] as keyof typeof UP_FRAMES];
      const entries = "pipe" in schema ? schema.pipe[0].entries : schema.entries;
      expect(codes(fields).toSorted()).toEqual(Object.keys(entries).filter((field) => field !== "type").toSorted());
    }
    const told = new Map(table(section(protocol, "Frames from the server")).flatMap(([types, fields]) => codes(types).map((type) => [type, codes(fields)] as const)));
    const known = new Map<string, string[]>();
    for (const option of DownFrame.options) {
      if ("options" in option) continue;
      const { literal } = option.entries.type;
      known.set(literal, [...new Set([...(known.get(literal) ?? []), ...Object.keys(option.entries).filter((field) => field !== "type")])]);
    }
    expect([...told.keys()].toSorted()).toEqual([...known.keys(), ...EVENT_TYPES].toSorted());
    for (const [type, fields] of known) expect(told.get(type)?.toSorted(), type).toEqual(fields.toSorted());
  });

  test("the limits are the code's", () => {
    const told = table(section(protocol, "Limits")).map(([, value = ""]) => [...value.matchAll(/[\d,]+/g)].map(([digits]) => numeric(digits)));
    expect(told).toEqual([
      [limits.CONTENT_BYTES], [limits.FRAME_BYTES], [limits.FRAMES_PER_ARRAY], [limits.RESUME_CURSORS], [limits.RESUME_EVENTS],
      [limits.PAGE, limits.PAGE_MAX], [limits.PAGE, limits.HISTORY_PAGE_MAX], [limits.ID_LENGTH], [limits.TITLE_BYTES], [limits.GROUP_MEMBERS], [limits.TOKEN_LIFE_S], [limits.CLOCK_TOLERANCE_S],
    ]);
  });

  test("the routes are those of the Worker", () => {
    const routed = globSync("workers/**/*.ts").flatMap((file) =>
      [...read(file).matchAll(/\b\w+\.(get|post|put|patch|delete)\("(\/[^"]+)"/g)].map(([, method = "", route = ""]) => `${method.toUpperCase()} ${route}`));
    expect(names(table(section(protocol, "REST")))).toEqual(routed.toSorted());
  });
});

describe("operations.md", () => {
  test("the settings are the code's: variable, default and bounds", () => {
    const told = table(section(operations, "Settings"));
    expect(told.map(([name]) => codes(name)[0])).toEqual(SETTING_NAMES);
    for (const [cell, variable, value, bounds] of told) {
      const name = codes(cell)[0] as keyof typeof DEFAULT_SETTINGS;
      expect(codes(variable)).toEqual([settingVariable(name)]);
      expect(numeric(value), name).toBe(DEFAULT_SETTINGS[name]);
      const actions: readonly { type: string; requirement?: unknown }[] = Settings.entries[name].pipe;
      const bound = (type: string) => actions.find((action) => action.type === type)?.requirement;
      expect(bounds?.split("–").map(numeric), name).toEqual([bound("min_value"), bound("max_value")]);
    }
  });

  test("the Worker's variables are those that it reads", () => {
    const fields = [["Env extends MediaEnv", "durable-objects/platform/env.ts"], ["MediaEnv", "media/settings.ts"]] as const;
    const given = fields.map(([name, file]) => new RegExp(`export interface ${name} \\{([^}]+)\\}`).exec(read(file))?.[1] ?? "").join("");
    const variables = [...given.matchAll(/^ {2}([A-Z_0-9]+)\??: string;$/gm)].map(([, name = ""]) => name);
    expect(names(table(section(operations, "Environment: Worker")))).toEqual([...variables, "CONFAB_*"].toSorted());
  });

  test("the archiver's variables are those that it reads, with their defaults", () => {
    const fields = /const Environment = v\.object\(\{([\s\S]+?)\n\}\);/.exec(read("archiver/config.ts"))?.[1] ?? "";
    const given = new Map([...fields.matchAll(/^ {2}([A-Z_0-9]+): (.*)$/gm)].map(([, name = "", schema = ""]) => [name, schema]));
    const told = table(section(operations, "Environment: archiver"));
    expect(names(told)).toEqual([...given.keys()].toSorted());
    for (const [cell, value] of told) {
      const literal = /, "([^"]*)"\),$/.exec(given.get(codes(cell)[0] as string) as string)?.[1];
      if (literal !== undefined) expect(codes(value)[0], cell).toBe(literal);
    }
  });

  test("the variables of npm start are those that it reads", () => {
    const plan = read("scripts/start/plan.ts");
    const own = new Set([...plan.matchAll(/env\["([A-Z_]+)"\]/g)].map(([, name = ""]) => name));
    expect(names(table(section(operations, "Environment: npm start")))).toEqual([...own].toSorted());
    const passed = [...(/PASSED_BY_NAME = \[([^\]]+)\]/.exec(plan)?.[1] ?? "").matchAll(/"([A-Z_]+)"/g)].map(([, name = ""]) => name);
    for (const name of passed) expect(section(operations, "Environment: npm start")).toContain(`\`${name}\``);
  });

  test("the metrics of both sides are those that they count", async () => {
    const union = /export type MetricName =([^;]+);/.exec(read("durable-objects/platform/metrics.ts"))?.[1] ?? "";
    expect(names(table(section(operations, "Metrics of the edge")))).toEqual([...union.matchAll(/"(\w+)"/g)].map(([, name = ""]) => name).toSorted());
    const counted = (await newMetrics().registry.getMetricsAsJSON()).map(({ name }) => name).filter((name) => name.startsWith("confab_"));
    const told = table(section(operations, "Metrics of the archiver")).map(([cell]) => codes(cell)[0] as string);
    expect(told.toSorted()).toEqual(counted.toSorted());
  });

  test("[C12] every failure has a severity, metrics that are counted, something to do, and a test that provokes it", async () => {
    const union = /export type MetricName =([^;]+);/.exec(read("durable-objects/platform/metrics.ts"))?.[1] ?? "";
    const edge = [...union.matchAll(/"(\w+)"/g)].map(([, name = ""]) => name);
    const archiver = (await newMetrics().registry.getMetricsAsJSON()).map(({ name }) => name.replace("confab_archiver_", ""));
    const known = new Set([...edge, ...archiver, "ARCHIVER_READS", "kind"]);
    const tests = globSync("test/**/*.test.ts").map(read).join("\n");
    const rows = table(section(operations, "When something is down"));
    expect(rows.length).toBeGreaterThan(20);
    for (const [failure = "", severity, metric, seen, todo] of rows) {
      expect(["critical", "warning", "info"], failure).toContain(severity);
      const named = codes(metric).map((code) => code.replace(/\{.*\}$/, ""));
      expect(named.length, failure).toBeGreaterThan(0);
      expect(named.filter((name) => !known.has(name)), failure).toEqual([]);
      expect([seen, todo].every((cell) => (cell ?? "").length > 5), failure).toBe(true);
      expect(new RegExp(`"[^"\\n]*\\[C12\\] (?:\\[\\w+\\] )*${failure.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")}[:,]`).test(tests), `${failure} is provoked in no test`).toBe(true);
    }
  });

  test("every log line is in the table", () => {
    const told = new Set(names(table(section(operations, "Log lines"))));
    const logged = inSources("{durable-objects,workers,archiver}", /\blog\("(?:debug|info|warn|error)", "(\w+)"/g);
    expect(logged.length).toBeGreaterThan(15);
    expect(logged.filter((event) => !told.has(event))).toEqual([]);
  });
});

describe("architecture.md and spec.md", () => {
  test("a link on a name leads to a file that has it", () => {
    const links = PAGES.flatMap((page) => [...read(page).matchAll(/\[`([^`]+)`\]\(([^)]+)\)/g)].map(([, name = "", target = ""]) => ({ page, name, file: path.join(path.dirname(page), target) })));
    expect(links.length).toBeGreaterThan(50);
    const missing = links.filter(({ name, file }) => {
      if (!existsSync(file) || name.includes("/")) return !existsSync(file);
      const source = read(file);
      // `Lanes.add` is a method of that class, `messages.get` a call of that value.
      return !(source.includes(`${name}(`) || name.split(".").every((part) => new RegExp(`\\b${part}\\b`).test(source)));
    });
    expect(missing).toEqual([]);
  });

  test("the table of folders is the one that the tests hold", () => {
    const told = table(section(read("docs/architecture.md"), "Folders, and what each may import"));
    const rows = told.map(([folder, , imports = ""]) => [codes(folder)[0]?.replace("/", ""), imports === "anything" ? ["*"] : codes(imports)]);
    expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(Object.entries(FOLDERS).map(([name, { folders }]) => [name, folders])));
  });

  test("rules are numbered without a gap, and each names tests that are there", () => {
    const rules = [...read("docs/spec.md").matchAll(/^\| ([A-Z])(\d+) \| [^|]+ \| ([^|]+) \|$/gm)];
    expect(rules.length).toBeGreaterThan(40);
    const next = new Map<string, number>();
    for (const [, letter = "", number, held = ""] of rules) {
      next.set(letter, (next.get(letter) ?? 0) + 1);
      expect(`${letter}${number}`).toBe(`${letter}${next.get(letter)}`);
      for (const file of held.split(", ")) expect(existsSync(file), `${letter}${number} names ${file}`).toBe(true);
    }
  });
});

test("no link of any page leads nowhere", () => {
  const broken = PAGES.flatMap((page) => [...read(page).matchAll(/\]\((?!https?:)([^)#]+)(#[^)]*)?\)/g)]
    .map(([, target = ""]) => target).filter((target) => !existsSync(path.join(path.dirname(page), target))).map((target) => `${page}: ${target}`));
  expect(broken).toEqual([]);
});

test("every file of the project that a page names is there", () => {
  // The table of requirements is held by scripts/requirements.ts; it names a file as an example.
  const named = PAGES.filter((page) => page !== "docs/requirements.md").flatMap((page) => [...read(page).matchAll(/`((?:test|scripts|docs|migrations|durable-objects|protocol|archiver|workers|client|web|verify|bench|domain)\/[\w./-]+\.\w+)`/g)].map(([, file = ""]) => ({ page, file })));
  expect(named.filter(({ file }) => !existsSync(file))).toEqual([]);
});
