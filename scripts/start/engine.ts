// The Miniflare options of the edge. The names of bindings and classes are those of wrangler.toml; a test compares them.
import { readFileSync } from "node:fs";
import path from "node:path";
import type { Log, MiniflareOptions, WorkerdStructuredLog } from "miniflare";
import type { EdgeOptions } from "./edge-link.ts";
import { HOST } from "../ports.ts";

export const WORKER = "confab";
export const COMPATIBILITY_DATE = "2026-10-01";
export const COMPATIBILITY_FLAGS = ["nodejs_compat"];
export const OBJECTS = { CONVERSATION: "Conversation", USER_SESSION: "UserSession", SETTINGS: "Settings", DIRECTORY: "Directory", REPORTS: "Reports", BLOB: "Blob" } as const;
/** Paths that wake the Worker first; all others are static files if there is such a file. */
export const WORKER_FIRST = ["/v1/*", "/api/*", "/dev/*", "/internal/*"];

export interface Listeners {
  readonly log: Log;
  onRuntimeLine(line: WorkerdStructuredLog): void;
  onRuntimeRestarted(): void;
}

export function engineOptions(options: EdgeOptions, listeners: Listeners): MiniflareOptions {
  const objects = Object.entries(OBJECTS);
  const text = Object.entries(options.bindings);
  return {
    host: HOST,
    port: options.port,
    ...(options.inspectorPort === null ? {} : { inspectorPort: options.inspectorPort, inspectorHost: HOST }),
    cf: false,
    log: listeners.log,
    logRequests: false,
    // Without it an exception that the Worker does not catch is written nowhere (runtime-line.ts sorts what comes).
    verbose: true,
    handleStructuredLogs: (line) => listeners.onRuntimeLine(line),
    unsafeHandleRuntimeRestart: () => listeners.onRuntimeRestarted(),
    telemetry: { enabled: false },
    enableDevRegistry: false,
    // On by default, these write a trace of everything to disk and cost three times the CPU.
    unsafeObservability: false,
    unsafeLocalExplorer: false,
    // The one option that persists; its older names are ignored without a word.
    resourcePersistencePath: path.join(options.dataDir, "edge"),
    workers: [{
      config: {
        name: WORKER,
        compatibilityDate: COMPATIBILITY_DATE,
        compatibilityFlags: COMPATIBILITY_FLAGS,
        manifest: {
          mainModule: "index.js",
          modules: { "index.js": { type: "esm", contents: readFileSync(path.join(options.bundle, "worker", "index.js")) } },
        },
        env: {
          ...Object.fromEntries(text.map(([name, value]) => [name, { type: "text", value }])),
          ...Object.fromEntries(objects.map(([name, exportName]) => [name, { type: "durable-object", worker: WORKER, exportName }])),
          ...Object.fromEntries(Object.entries(options.buckets).map(([binding, { name, ...experimentalS3Credentials }]) => [binding, { type: "r2", name, dev: { experimentalS3Credentials } }])),
          ASSETS: { type: "assets" },
        },
        exports: Object.fromEntries(objects.map(([, name]) => [name, { type: "durable-object", storage: "sqlite" }])),
        assets: { directory: path.join(options.bundle, "web"), hasUserWorker: true, runWorkerFirst: WORKER_FIRST },
      },
      dev: { rootPath: options.bundle },
    }],
  };
}
