// The rules themselves: facts in, one line for each breach out.
import path from "node:path";
import type { Facts, Use } from "./facts.ts";
import { CONSOLE_HOMES, FILE_PACKAGES, type Folder, FOLDERS, GENERATED, MAX_LINES, SQL_HOMES } from "./folders.ts";

/** Ways to a clock, to randomness or to the world that a pure decision must not have. */
const IMPURE = new Set([
  "crypto", "performance", "setTimeout", "setInterval", "setImmediate", "queueMicrotask", "fetch", "process", "globalThis",
  "navigator", "localStorage", "Temporal",
]);

function folderOf(file: string): string {
  return file.includes("/") ? file.slice(0, file.indexOf("/")) : "";
}

function packageOf(specifier: string): string {
  if (/^(node|cloudflare):/.test(specifier)) return specifier;
  return specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
}

function importBreach(file: string, folder: Folder, { what, line }: Use): string | null {
  const at = `${file}:${line}`;
  if (!what.startsWith(".")) {
    const allowed = FILE_PACKAGES[file] ?? folder.packages;
    const known = allowed.includes("*") || allowed.includes(packageOf(what)) || (what.startsWith("node:") && allowed.includes("node:"));
    return known ? null : `${at} may not import the package ${what}`;
  }
  const target = path.posix.normalize(path.posix.join(path.posix.dirname(file), what));
  const other = folderOf(target);
  if (other === folderOf(file) || folder.folders.includes("*") || folder.folders.includes(other)) return null;
  return `${at} may not import ${target}`;
}

function pureBreaches({ file, names, clocks }: Facts): string[] {
  return [...clocks, ...names.filter(({ what }) => IMPURE.has(what))].map(({ what, line }) => `${file}:${line} uses ${what}; time, ids and randomness are arguments`);
}

function breachesOf(facts: Facts): string[] {
  const { file, lines, imports, prints, sql } = facts;
  const name = folderOf(file);
  const folder = FOLDERS[name];
  // Settings of tools lie at the top and belong to no folder.
  if (name === "") return [];
  if (folder === undefined) return [`${file} is in a folder that the table does not have`];
  const misplaced = name !== "test" && /\.test\.\w+$/.test(file) ? [`${file} is a test outside test/, where none runs`] : [];
  const long = lines > MAX_LINES && !GENERATED.includes(file) ? [`${file} has ${lines} lines, over ${MAX_LINES}`] : [];
  const queries = SQL_HOMES.some((home) => home.test(file)) ? [] : sql.map(({ what, line }) => `${file}:${line} holds SQL outside a store: ${what}`);
  const loud = CONSOLE_HOMES.includes(name) ? [] : prints.map(({ what, line }) => `${file}:${line} uses ${what}; log/ is for that`);
  const foreign = imports.map((use) => importBreach(file, folder, use)).filter((line) => line !== null);
  return [...misplaced, ...long, ...foreign, ...queries, ...loud, ...(name === "domain" ? pureBreaches(facts) : [])];
}

export function breaches(facts: readonly Facts[]): string[] {
  return facts.flatMap(breachesOf);
}
