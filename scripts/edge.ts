// The edge child of `npm start`: the Worker and its objects on Miniflare, with data below DATA_DIR/edge. It is told
// what to run over IPC, and ends with its parent.
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Miniflare } from "miniflare";
import type { EdgeOptions, FromEdge, ToEdge } from "./start/edge-link.ts";
import { EngineLog } from "./start/engine-log.ts";
import { engineOptions } from "./start/engine.ts";
import { LineLog } from "./start/line-log.ts";
import { LogFile } from "./start/log-file.ts";
import { pidFile } from "./start/orphans.ts";
import { sortRuntimeLine } from "./start/runtime-line.ts";

const STOP_MS = 3_000;

let engine: Miniflare | null = null;
let stopping = false;

process.on("message", (message: ToEdge) => {
  if (message.type === "start") void start(message.options);
  else void stop();
});
process.once("disconnect", () => void stop());
process.once("SIGTERM", () => void stop());
process.once("SIGINT", () => void stop());
if (!process.connected) {
  console.error("edge: started by `npm start` only");
  process.exit(1);
}

async function start(options: EdgeOptions): Promise<void> {
  try {
    const lines = new LineLog("edge", new LogFile(path.join(options.dataDir, "logs", "edge.log")));
    process.once("exit", () => lines.flush());
    interposeRuntime(options.dataDir);
    engine = new Miniflare(engineOptions(options, {
      log: new EngineLog(lines, onCrash),
      onRuntimeLine(line) {
        const sorted = sortRuntimeLine(line);
        if (sorted !== null) lines.write(sorted.text, sorted.level);
      },
      onRuntimeRestarted: () => tell({ type: "runtime_up" }),
    }));
    await engine.ready;
    tell({ type: "listening" });
  } catch (error) {
    fail(error);
  }
}

/** Miniflare starts another runtime by itself; when that fails it stays without one, so this process makes way. */
function onCrash(): void {
  tell({ type: "runtime_down" });
  // Miniflare queues the restart after it has logged the crash; before that, `ready` is still the old runtime's.
  setImmediate(() => void engine?.ready.catch(fail));
}

function fail(error: unknown): void {
  if (stopping) return;
  stopping = true;
  const reason = error instanceof Error ? error.message : String(error);
  if (process.connected) process.send?.({ type: "failed", reason } satisfies FromEdge, () => process.exit(1));
  else process.exit(1);
}

async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  // With its parent gone nobody else would end it.
  setTimeout(() => process.exit(1), STOP_MS).unref();
  await engine?.dispose();
  process.exit(0);
}

function tell(message: FromEdge): void {
  if (process.connected) process.send?.(message);
}

function interposeRuntime(dataDir: string): void {
  const fromMiniflare = createRequire(createRequire(import.meta.url).resolve("miniflare"));
  const runtime: unknown = fromMiniflare("workerd");
  const program: unknown = typeof runtime === "object" && runtime !== null && "default" in runtime ? runtime.default : runtime;
  if (typeof program !== "string") throw new Error("the package workerd does not name its program");
  process.env["RUNTIME_PROGRAM"] = program;
  process.env["RUNTIME_PID_FILE"] = pidFile(dataDir, "runtime");
  process.env["MINIFLARE_WORKERD_PATH"] = fileURLToPath(new URL("start/runtime.sh", import.meta.url));
}
