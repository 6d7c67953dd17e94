// Builds what a worker of the simulation runs: the product's real code with the simulated runtime around it, and for a mutant with
// one text of it replaced.
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build as esbuild, type Plugin } from "esbuild";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const inside = path.join(root, "test/sim/inside");
const runtime = path.join(inside, "runtime");

/** One fault that somebody could have made. */
export interface Patch {
  /** Below the project's folder. */
  file: string;
  /** Must be there exactly once. */
  text: string;
  becomes: string;
}

const ALIASES: Record<string, string> = {
  "confab:worker": path.join(root, "workers/index.ts"),
  "cloudflare:workers": path.join(runtime, "workers.ts"),
  jose: path.join(runtime, "jose.ts"),
  "itty-durable": path.join(runtime, "itty-durable.ts"),
  "prom-client": path.join(runtime, "prom-client.ts"),
  "@aws-sdk/client-s3": path.join(runtime, "aws.ts"),
};

/** Modules of Node that the archiver gets from the simulation. */
const OF_THE_ARCHIVER = /^node:(http|timers\/promises|fs|sqlite)$/;

const resolving: Plugin = {
  name: "runtime",
  setup(build) {
    build.onResolve({ filter: /^(confab:worker|cloudflare:workers|jose|itty-durable|prom-client|@aws-sdk\/client-s3)$/ }, (args) => ({ path: ALIASES[args.path] as string }));
    build.onResolve({ filter: OF_THE_ARCHIVER }, (args) => (args.importer.startsWith(path.join(root, "archiver") + path.sep) ? { path: path.join(runtime, "node-modules.ts") } : null));
  },
};

/** Throws where the text that it changes is gone, or there twice. */
export function patched(source: string, { file, text, becomes }: Patch): string {
  const places = source.split(text).length - 1;
  if (places !== 1) throw new Error(`${file} has ${places} places that say ${JSON.stringify(text)}`);
  return source.replace(text, () => becomes);
}

function patching(patch: Patch): Plugin {
  const file = path.join(root, patch.file);
  return {
    name: "patch",
    setup(build) {
      build.onLoad({ filter: /\.ts$/ }, (args) => (args.path === file ? { contents: patched(readFileSync(file, "utf8"), patch), loader: "ts" } : null));
    },
  };
}

/** The program of a worker. */
export async function bundle(patch: Patch | null = null): Promise<string> {
  const result = await esbuild({
    entryPoints: [path.join(inside, "entry.ts")], bundle: true, write: false, platform: "node", format: "cjs", target: "node24", logLevel: "silent",
    plugins: [resolving, ...(patch === null ? [] : [patching(patch)])], keepNames: false,
  });
  return (result.outputFiles[0] as { text: string }).text;
}
