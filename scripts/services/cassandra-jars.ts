// Fetches Cassandra's jars with Maven and checks them against the list of their hashes.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { installOnce } from "./cache.ts";
import { runStep } from "./command.ts";
import { installJava, installMaven } from "./java.ts";

const VERSION = "5.0.9";
const HERE = path.join(import.meta.dirname, "cassandra");
/** Native parts for systems that these tests don't run on. */
const FOREIGN = /osx|windows|riscv/;

function sha256(content: Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

/** Throws unless the folder holds exactly the listed jars. */
function verify(folder: string, manifest: Buffer): void {
  const wanted = manifest.toString().trim().split("\n");
  const present = readdirSync(folder).map((name) => `${sha256(readFileSync(path.join(folder, name)))}  ${name}`);
  const missing = wanted.filter((line) => !present.includes(line));
  const unlisted = present.filter((line) => !wanted.includes(line));
  if (missing.length + unlisted.length === 0) return;
  throw new Error(`Cassandra's jars differ from jars.sha256; listed: ${missing.join(", ")}; found: ${unlisted.join(", ")}`);
}

/** The Java to run and the folder with the jars; installs what is missing, or throws with what to install. */
export async function installCassandra(): Promise<{ java: string; jars: string }> {
  const manifest = readFileSync(path.join(HERE, "jars.sha256"));
  // Named with the list too, so that another list never finds this one's jars.
  const jars = await installOnce(`cassandra-${VERSION}-${sha256(manifest).slice(0, 8)}`, async (folder) => {
    const maven = await installMaven();
    const java = await installJava();
    await runStep({
      label: `downloading Cassandra ${VERSION}`, done: `Cassandra ${VERSION} downloaded`, command: maven,
      args: ["-q", "-B", "-f", path.join(HERE, "pom.xml"), "dependency:copy-dependencies", "-DincludeScope=runtime", `-DoutputDirectory=${folder}`],
      env: { JAVA_HOME: path.resolve(path.dirname(java), "..") },
    });
    for (const name of readdirSync(folder)) if (FOREIGN.test(name)) rmSync(path.join(folder, name));
    verify(folder, manifest);
  });
  return { java: await installJava(), jars };
}
