// Which Node binary the project runs on.
import { existsSync } from "node:fs";
import path from "node:path";

const NEEDED_MAJOR = 24;

let glibc;

export function runsOnGlibc() {
  // The report takes milliseconds, and the answer does not change.
  glibc ??= process.platform === "linux" && process.report.getReport().header.glibcVersionRuntime !== undefined;
  return glibc;
}

/** The pinned binary on Linux, elsewhere this process's own if it is new enough; throws otherwise. */
export function chooseNode(root) {
  const pinned = path.join(root, "node_modules", `node-linux-${process.arch}`, "bin", "node");
  if (runsOnGlibc() && existsSync(pinned)) return pinned;
  if (Number(process.versions.node.split(".")[0]) >= NEEDED_MAJOR) return process.execPath;
  throw new Error(
    `Node ${NEEDED_MAJOR} or newer is needed on ${process.platform} ${process.arch}; this is ${process.version}. ` +
      `Install Node ${NEEDED_MAJOR} and run the command again.`,
  );
}
