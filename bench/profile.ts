// A profile of the product while one more round runs: of its JavaScript by the runtime's own profiler, or of all that its
// process does by perf, which also sees SQLite, the network and the kernel.
import { writeFileSync } from "node:fs";
import path from "node:path";
import { linesOf } from "./profile/cpuprofile.ts";
import { inspect } from "./profile/inspector.ts";
import { perf } from "./profile/perf.ts";
import type { Target } from "./target.ts";

/** @param workload is put into the file's name; null for nothing */
export async function profileRound(target: Target, file: string, workload: string | null, round: () => Promise<unknown>): Promise<void> {
  if (target.profiled === null) throw new Error("this server can't be profiled");
  const { dir, name, ext } = path.parse(file);
  const place = path.join(dir, `${name}${workload === null ? "" : `.${workload}`}${ext}`);
  if (ext === ".svg") {
    writeFileSync(place, await perf(target.profiled.pid, round));
  } else {
    const profile = await inspect(target.profiled.inspector, round);
    writeFileSync(place, JSON.stringify(profile));
    for (const line of linesOf(profile)) console.log(line);
  }
  console.log(`the profile is in ${place}`);
}
