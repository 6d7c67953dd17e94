// How esbuild is called for the Worker and for the page.
import { build, type BuildOptions, type BuildResult, type Plugin } from "esbuild";

export type Bundle = BuildResult<{ write: false; metafile: true }>;

const COMMON = {
  bundle: true,
  write: false,
  metafile: true,
  format: "esm",
  target: "es2024",
  sourcemap: "linked",
  logLevel: "silent",
  define: { "process.env.NODE_ENV": '"production"' },
} as const satisfies BuildOptions;

/**
 * The settings that `wrangler deploy` gives its own esbuild, so that what runs here is what is deployed
 * (test/scripts/deploy.e2e.test.ts compares the two).
 */
export function bundleWorker(root: string, entry: string, outdir: string, plugins: Plugin[]): Promise<Bundle> {
  return build({
    ...COMMON,
    absWorkingDir: root,
    entryPoints: [entry],
    entryNames: "index",
    outdir,
    conditions: ["workerd", "worker", "browser"],
    supported: { "import-source": true, using: true },
    keepNames: true,
    external: ["node:*", "cloudflare:*"],
    alias: { debug: "./media/no-debug.ts" },
    define: { ...COMMON.define, "navigator.userAgent": '"Cloudflare-Workers"' },
    plugins,
  });
}

export function bundlePage(root: string, entry: string, outdir: string, plugins: Plugin[]): Promise<Bundle> {
  return build({
    ...COMMON,
    absWorkingDir: root,
    entryPoints: [entry],
    outdir,
    platform: "browser",
    minify: true,
    plugins,
  });
}
