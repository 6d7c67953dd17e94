// Builds the bare Worker into a folder that `npm start` takes in place of its own build, so that both run in the same way.
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { build } from "esbuild";

/** Fills `outDir` with worker/index.js and web/. */
export async function buildBare(outDir: string): Promise<void> {
  await build({
    entryPoints: [path.join(import.meta.dirname, "worker.ts")],
    outfile: path.join(outDir, "worker", "index.js"),
    bundle: true,
    format: "esm",
    target: "es2024",
    external: ["cloudflare:*"],
    logLevel: "silent",
  });
  mkdirSync(path.join(outDir, "web"), { recursive: true });
  writeFileSync(path.join(outDir, "web", "index.html"), "");
}
