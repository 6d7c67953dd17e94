// How start runs scripts/edge.ts: the process, its messages, and when it serves.
import { fork, type ChildProcess } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { ChildSpec, Notices } from "./child.ts";
import type { EdgeOptions, FromEdge, ToEdge } from "./edge-link.ts";
import { endNoted, notePid } from "./orphans.ts";
import { HOST } from "../ports.ts";
import { untilOk } from "./serving.ts";

const NAME = "edge";
const PROGRAM = fileURLToPath(new URL("../edge.ts", import.meta.url));
const SERVING_MS = 30_000;

export function edgeChild(options: EdgeOptions, notices: Notices): ChildSpec {
  const health = `http://${HOST}:${options.port}/v1/health`;
  return {
    name: NAME,
    async clear() {
      await endNoted(options.dataDir, "edge");
      // A runtime outlives an edge that was killed, and would hold the port and the data.
      await endNoted(options.dataDir, "runtime");
    },
    launch() {
      const child = fork(PROGRAM, [], {
        // A Ctrl-C goes to the whole foreground group; the order of the end is start's to decide.
        detached: true,
        env: { ...process.env, DATA_DIR: options.dataDir, TMPDIR: path.join(options.dataDir, "tmp") },
      });
      if (child.pid !== undefined) notePid(options.dataDir, "edge", child.pid);
      tell(child, { type: "start", options });
      watchRuntime(child, health, notices);
      return child;
    },
    async untilServing(child, signal) {
      await untilListening(child);
      await untilOk({ url: health, withinMs: SERVING_MS, signal });
    },
    ask: (child) => tell(child, { type: "stop" }),
  };
}

function tell(child: ChildProcess, message: ToEdge): void {
  // A child that has just ended takes no message; its end is noticed as such.
  if (child.connected) child.send(message, () => undefined);
}

function untilListening(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.on("message", (message: FromEdge) => {
      if (message.type === "listening") resolve();
      else if (message.type === "failed") reject(new Error(message.reason));
    });
    child.once("exit", () => resolve());
  });
}

/** The edge replaces a dead runtime by itself, at once; start says so, and says when it serves again. */
function watchRuntime(child: ChildProcess, health: string, notices: Notices): void {
  const over = new AbortController();
  let downSince: number | null = null;
  child.once("exit", () => over.abort());
  child.on("message", (message: FromEdge) => {
    if (message.type === "runtime_down") {
      if (downSince === null) notices.down(NAME, "the runtime died");
      downSince ??= Date.now();
    } else if (message.type === "runtime_up") {
      untilOk({ url: health, withinMs: SERVING_MS, signal: over.signal }).then(
        () => {
          if (downSince !== null) notices.back(NAME, Date.now() - downSince);
          downSince = null;
        },
        () => { child.kill("SIGKILL"); },
      );
    }
  });
}
