// Where downloaded and built things are kept between runs, and how they get there whole.
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { withLock } from "../bootstrap/lock.mjs";

/** XDG_CACHE_HOME/confab, or ~/.cache/confab. */
export function cacheRoot(): string {
  const base = process.env["XDG_CACHE_HOME"];
  return path.join(base !== undefined && path.isAbsolute(base) ? base : path.join(homedir(), ".cache"), "confab");
}

/** The folder of one thing, named with its version; it exists only complete. */
export function cached(name: string): string {
  return path.join(cacheRoot(), name);
}

/**
 * Makes sure that `cached(name)` exists: `build` fills an empty folder, which is renamed into place when it returns.
 * Concurrent callers, also in other processes, wait for the one that builds.
 */
export async function installOnce(name: string, build: (folder: string) => Promise<void>): Promise<string> {
  const place = cached(name);
  if (existsSync(place)) return place;
  const waiting = (pid: number): void => console.error(`confab: waiting for process ${pid}, which installs ${name}`);
  await withLock(`${place}.lock`, waiting, async () => {
    if (existsSync(place)) return;
    mkdirSync(cacheRoot(), { recursive: true });
    const fresh = mkdtempSync(`${place}.part-`);
    try {
      await build(fresh);
      renameSync(fresh, place);
    } finally {
      rmSync(fresh, { recursive: true, force: true });
    }
  });
  return place;
}
