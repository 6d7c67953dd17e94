// Whether node_modules holds what package-lock.json asks for. Reads files only.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { runsOnGlibc } from "./node.mjs";

const STAMP = "node_modules/.confab-installed";
/** npm's own record of what it put into node_modules, written when an installation has ended well. */
const RECORD = "node_modules/.package-lock.json";

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return null;
  }
}

function fingerprint(root) {
  const hash = createHash("sha256");
  for (const file of ["package-lock.json", RECORD]) hash.update(readFileSync(path.join(root, file)));
  return hash.digest("hex");
}

function listed(names, wanted) {
  return names === undefined || names.includes(wanted) || (names[0]?.startsWith("!") && !names.includes(`!${wanted}`));
}

/** Optional packages without a platform of their own belong to others that may be absent. */
function expectedHere(entry) {
  if (!entry.optional) return true;
  if (entry.os === undefined && entry.cpu === undefined) return false;
  const libc = runsOnGlibc() ? "glibc" : "musl";
  return listed(entry.os, process.platform) && listed(entry.cpu, process.arch) &&
    (process.platform !== "linux" || listed(entry.libc, libc));
}

function firstDifference(wanted, present) {
  for (const [place, entry] of Object.entries(wanted)) {
    if (place === "" || entry.link) continue;
    const found = present[place];
    if (found === undefined) {
      if (expectedHere(entry)) return `${place} is missing`;
    } else if (found.version !== entry.version || (entry.integrity && found.integrity !== entry.integrity)) {
      return `${place} is ${found.version}, the lock file says ${entry.version}`;
    }
  }
  return null;
}

/**
 * Why the dependencies must be installed (again), or null when they are complete. Installations made by hand count.
 * Throws when package-lock.json is absent.
 */
export function installProblem(root) {
  const lock = readJson(path.join(root, "package-lock.json"));
  if (lock === null) throw new Error("package-lock.json is missing or damaged; restore it from the repository");
  const record = readJson(path.join(root, RECORD));
  if (record === null) return "not installed yet";
  for (const place of Object.keys(record.packages)) {
    if (!existsSync(path.join(root, place, "package.json"))) return `${place} is missing`;
  }
  // An optional package that npm could not install here stays absent: what `npm ci` left behind is final.
  const stamp = path.join(root, STAMP);
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === fingerprint(root)) return null;
  return firstDifference(lock.packages, record.packages);
}

/** Called after a successful `npm ci`. */
export function markInstalled(root) {
  writeFileSync(path.join(root, STAMP), fingerprint(root));
}
