// The deployment as wrangler.toml has it: it can be deployed, and it is what runs under `npm start`.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { unstable_readConfig } from "wrangler";
import { build, DIST, ROOT } from "../../scripts/build.ts";
import { COMPATIBILITY_DATE, COMPATIBILITY_FLAGS, OBJECTS, WORKER, WORKER_FIRST } from "../../scripts/start/engine.ts";

/** Nothing of the network: no proxy leads there, and names don't resolve to one that answers. */
const OFFLINE = { HTTPS_PROXY: "http://127.0.0.1:9", HTTP_PROXY: "http://127.0.0.1:9", https_proxy: "http://127.0.0.1:9", http_proxy: "http://127.0.0.1:9" };

async function dryRun(outdir: string): Promise<{ code: number | null; output: string }> {
  const child = spawn(path.join(ROOT, "node_modules/.bin/wrangler"), ["deploy", "--dry-run", "--outdir", outdir], {
    cwd: ROOT,
    env: { ...process.env, ...OFFLINE, NODE_ENV: "production", WRANGLER_SEND_METRICS: "false", WRANGLER_LOG_PATH: path.join(outdir, "logs"), CI: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => { output += chunk.toString(); });
  const code = await new Promise<number | null>((resolve) => { child.once("close", resolve); });
  return { code, output };
}

function code(bundle: string): string {
  return readFileSync(bundle, "utf8").replace(/^\/\/# sourceMappingURL=.*$/m, "").trimEnd();
}

test("a dry run of the deployment passes offline, and its bundle is the one that runs locally", { timeout: 120_000 }, async () => {
  const outdir = mkdtempSync(path.join(tmpdir(), "confab-deploy-"));
  onTestFinished(() => rmSync(outdir, { recursive: true, force: true }));
  const { code: exit, output } = await dryRun(outdir);
  expect(output).toContain("--dry-run: exiting now.");
  expect(exit).toBe(0);
  for (const binding of ["env.CONVERSATION (Conversation)", "env.USER_SESSION (UserSession)", "env.SETTINGS (Settings)", "env.SEGMENTS", "env.ASSETS"]) {
    expect(output).toContain(binding);
  }
  await build({ outDir: DIST });
  expect(code(path.join(DIST, "worker/index.js"))).toBe(code(path.join(outdir, "index.js")));
});

/** The parts of wrangler's configuration that are compared here; its own types don't resolve. */
interface Deployment {
  readonly name: string;
  readonly compatibility_date: string;
  readonly compatibility_flags: string[];
  readonly durable_objects: { readonly bindings: { readonly name: string; readonly class_name: string }[] };
  readonly migrations: { readonly new_sqlite_classes?: string[] }[];
  readonly assets: { readonly directory: string; readonly binding: string; readonly run_worker_first: string[] };
  readonly r2_buckets: { readonly binding: string }[];
  readonly vars: Record<string, string>;
  readonly observability: { readonly logs: { readonly invocation_logs: boolean } };
}

function readDeployment(): Deployment {
  return unstable_readConfig({ config: path.join(ROOT, "wrangler.toml") }) as unknown as Deployment;
}

test("the local engine has the names, classes and paths of wrangler.toml", () => {
  const config = readDeployment();
  expect(config.name).toBe(WORKER);
  expect([config.compatibility_date, config.compatibility_flags]).toEqual([COMPATIBILITY_DATE, COMPATIBILITY_FLAGS]);
  expect(Object.fromEntries(config.durable_objects.bindings.map(({ name, class_name }) => [name, class_name]))).toEqual(OBJECTS);
  expect(config.migrations.flatMap((migration) => migration.new_sqlite_classes ?? [])).toEqual(Object.values(OBJECTS));
  expect(config.assets).toEqual({ directory: "dist/web", binding: "ASSETS", run_worker_first: WORKER_FIRST });
  expect(config.r2_buckets.map(({ binding }) => binding)).toEqual(["SEGMENTS"]);
});

test("no secret is a variable of the deployment, and no log line holds a request's headers", () => {
  const config = readDeployment();
  expect(Object.keys(config.vars).filter((name) => /SECRET|KEY|PASSWORD/.test(name))).toEqual([]);
  expect(config.observability.logs.invocation_logs).toBe(false);
});
