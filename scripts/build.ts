// Builds what runs: the Worker's bundle and the web page. `npm run build` fills dist/; tests build broken variants.
// A build takes about a tenth of a second with esbuild; wrangler's dry run of the same takes seconds, and cannot patch.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { withLock } from "./bootstrap/lock.mjs";
import type { Bundle } from "./build/bundles.ts";
import { deployedSettings, mediaSource, withMediaSource } from "./build/headers.ts";
import { patchPlugin, type Patch } from "./build/patch.ts";
import { hashInputs, isCurrent, readStamp, writeStamp } from "./build/stamp.ts";

export { patchOnce, type Edit, type Patch } from "./build/patch.ts";

export const ROOT = path.resolve(fileURLToPath(import.meta.url), "../..");
export const DIST = path.join(ROOT, "dist");

export interface Sources {
  /** Entry of the Worker. */
  readonly worker: string;
  /** Folder of the page, with main.ts; all but its TypeScript is copied as it is. */
  readonly web: string;
}

export interface BuildOptions {
  /** Gets worker/index.js and web/. */
  readonly outDir: string;
  readonly patch?: Patch;
  readonly sources?: Sources;
}

const SOURCES: Sources = { worker: path.join(ROOT, "workers/index.ts"), web: path.join(ROOT, "web") };
const SETTINGS = "1";
const HEADERS = path.join("web", "_headers");
/** What a version of a dependency, or how the sources are read, hangs on. */
const ALWAYS_INPUTS = ["package-lock.json", "tsconfig.base.json", "scripts/build/bundles.ts"];

/**
 * Resolves to whether anything had to be built. Rejects with the compiler's messages. Of several at once for one
 * folder, in whatever process, the first builds and the others wait for it.
 */
export function build(options: BuildOptions): Promise<boolean> {
  return withLock(path.join(options.outDir, "build.lock"), () => undefined, () => buildLocked(options));
}

async function buildLocked({ outDir, patch, sources = SOURCES }: BuildOptions): Promise<boolean> {
  const stampFile = path.join(outDir, "stamp.json");
  const media = mediaSource(deployedSettings(ROOT, process.env));
  const settings = JSON.stringify([SETTINGS, relative(sources.worker), relative(sources.web), media]);
  const page = staticFiles(sources.web);
  const copied = page.map((file) => relative(path.join(sources.web, file)));
  // A patch is a function: its result can't be told from a stamp.
  if (patch === undefined && isCurrent(readStamp(stampFile), settings, ROOT, outDir, copied)) return false;

  // Loaded only here: a start with nothing to build is quicker and smaller without the compiler.
  const { bundlePage, bundleWorker } = await import("./build/bundles.ts");
  const plugins = patch === undefined ? [] : [patchPlugin(ROOT, patch)];
  const bundles = await Promise.all([
    bundleWorker(ROOT, sources.worker, path.join(outDir, "worker"), plugins),
    bundlePage(ROOT, path.join(sources.web, "main.ts"), path.join(outDir, "web"), plugins),
  ]);
  patch?.check?.();

  const files = new Map<string, Uint8Array>(page.map((file) => [path.join("web", file), readFileSync(path.join(sources.web, file))]));
  const headers = files.get(HEADERS);
  if (headers !== undefined) files.set(HEADERS, Buffer.from(withMediaSource(Buffer.from(headers).toString(), media)));
  for (const output of bundles.flatMap((bundle) => bundle.outputFiles)) files.set(path.relative(outDir, output.path), output.contents);
  rmSync(stampFile, { force: true });
  replaceFiles(outDir, files);
  if (patch === undefined) {
    const inputs = new Set([...ALWAYS_INPUTS, ...copied, ...bundles.flatMap(inputsOf)]);
    writeStamp(stampFile, { settings, inputs: hashInputs(ROOT, inputs), outputs: [...files.keys()] });
  }
  return true;
}

function relative(file: string): string {
  return path.relative(ROOT, file);
}

function inputsOf(bundle: Bundle): string[] {
  return Object.keys(bundle.metafile.inputs);
}

function staticFiles(web: string): string[] {
  return readdirSync(web, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/\.(?:ts|md)$/.test(entry.name))
    .map((entry) => path.relative(web, path.join(entry.parentPath, entry.name)));
}

/** Each file is renamed into place, so that a reader meanwhile gets the old one or the new one; others are removed. */
function replaceFiles(outDir: string, files: ReadonlyMap<string, Uint8Array>): void {
  for (const [file, contents] of files) {
    const target = path.join(outDir, file);
    const draft = `${target}.${process.pid}.draft`;
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(draft, contents);
    renameSync(draft, target);
  }
  for (const folder of ["worker", "web"]) {
    const top = path.join(outDir, folder);
    if (!existsSync(top)) continue;
    for (const entry of readdirSync(top, { recursive: true, withFileTypes: true })) {
      const file = path.join(entry.parentPath, entry.name);
      if (entry.isFile() && !files.has(path.relative(outDir, file))) rmSync(file);
    }
  }
}

if (import.meta.main) {
  const begun = performance.now();
  const built = await build({ outDir: DIST });
  console.log(built ? `built dist in ${Math.round(performance.now() - begun)} ms` : "dist is current");
}
