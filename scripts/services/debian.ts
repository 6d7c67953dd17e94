// Debian packages without installing them: downloaded as the system's own apt is set up, and unpacked into a folder of the cache.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { installOnce } from "./cache.ts";
import { findOnPath, runStep } from "./command.ts";

/** Those of them, with what they depend on, that this machine does not have. */
function lacking(apt: string, packages: readonly string[]): string[] {
  const plan = spawnSync(apt, ["--simulate", "install", "--no-install-recommends", ...packages], { encoding: "utf8", env: { ...process.env, LC_ALL: "C" } });
  if (plan.status !== 0) throw new Error(`apt-get can't find ${packages.join(" and ")} (are its lists there? apt-get update): ${plan.stderr.trim()}`);
  return plan.stdout.split("\n").flatMap((line) => /^Inst (\S+)/.exec(line)?.[1] ?? []);
}

/**
 * The folder that stands for `/` of these packages and of all that they need beyond what the machine has. Nothing of them is configured or
 * started. Throws with what to install where there is no apt.
 */
export function unpackDebian(name: string, packages: readonly string[]): Promise<string> {
  return installOnce(name, async (root) => {
    const [apt, dpkg] = [findOnPath("apt-get"), findOnPath("dpkg-deb")];
    if (apt === null || dpkg === null) throw new Error(`${packages.join(" and ")} are missing: install them; without apt they can't be fetched`);
    const archives = path.join(root, "archives");
    mkdirSync(archives);
    await runStep({
      label: `downloading ${packages.join(" and ")}`, done: `${packages.join(" and ")} downloaded`, command: "/bin/sh",
      args: ["-c", 'cd "$1" && shift && exec "$@"', "sh", archives, apt, "download", ...lacking(apt, packages)],
    });
    for (const archive of readdirSync(archives)) await runStep({ label: `unpacking ${archive}`, done: `${archive} unpacked`, command: dpkg, args: ["-x", path.join(archives, archive), root] });
    rmSync(archives, { recursive: true });
  });
}
