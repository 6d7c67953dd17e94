// `npm run media:sweep`: takes away uploads that were not sent and contents that no message leads to, and counts what it did.
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { HttpEdge } from "../archiver/edge.ts";
import { MediaEdge } from "../archiver/media-edge.ts";
import { reasonOf } from "../archiver/reason.ts";
import { log, logToStderr } from "../log/log.ts";
import { EnvironmentError, readEdge, readStore } from "./media/environment.ts";
import { S3Files } from "./media/files.ts";
import { sweep } from "./media/sweep.ts";

// Else the heap's nursery grows with every page, all of it resident, for nothing.
setFlagsFromString("--semi-space-growth-factor=1");

const USAGE = `usage: npm run -s media:sweep [-- --dry-run] [--uploads-only] [--from NAME]

  --dry-run       counts what would go, and changes nothing
  --uploads-only  only what was uploaded and not sent, which asks no content
  --from NAME     goes on where a sweep was stopped, which said so

  MEDIA_ENDPOINT, MEDIA_BUCKET, MEDIA_ACCESS_KEY_ID and MEDIA_SECRET_ACCESS_KEY name the store, EDGE_URL and ARCHIVE_SECRET the
  edge. Ends with 0; 3 where some contents could not be asked, and the next sweep does; 2 for wrong words or variables; 1 where it
  was stopped or failed.`;

const PROGRESS_MS = 5_000;
const LEFT = 3;

/** Stopped by a signal. */
class Stopped extends Error {}

async function run(place: { is: string }): Promise<number> {
  const { values } = parseArgs({ options: { "dry-run": { type: "boolean" }, "uploads-only": { type: "boolean" }, from: { type: "string" } } });
  const [dryRun, uploadsOnly, from] = [values["dry-run"] ?? false, values["uploads-only"] ?? false, values.from ?? ""];
  const { edgeUrl, secret } = readEdge(process.env);
  const files = new S3Files(readStore(process.env));
  const stop = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, () => stop.abort(new Stopped("stopped")));
  const edge = new MediaEdge(new HttpEdge(edgeUrl, secret), stop.signal);
  let told = Date.now();
  try {
    const swept = await sweep(from, uploadsOnly, {
      files, edge, kept: await edge.kept(), dryRun,
      progress(at, { looked, uploads, contents, failed }) {
        place.is = at;
        stop.signal.throwIfAborted();
        if (Date.now() - told < PROGRESS_MS) return;
        told = Date.now();
        log("info", "sweep_progress", { at, looked, uploads: uploads.objects, expired: contents.expired.objects, unreferenced: contents.unreferenced.objects, unknown: contents.unknown.objects, failed });
      },
    });
    console.log(JSON.stringify({ ...(dryRun ? { dry_run: true } : {}), ...swept }));
    return swept.failed > 0 ? LEFT : 0;
  } finally {
    files.close();
  }
}

async function main(): Promise<number> {
  logToStderr();
  const place = { is: "" };
  try {
    return await run(place);
  } catch (error) {
    if (error instanceof EnvironmentError) {
      for (const line of error.message.split("\n")) console.error(`media:sweep: ${line}`);
      return 2;
    }
    console.error(`media:sweep: ${reasonOf(error)}${place.is === "" ? "" : `; --from ${JSON.stringify(place.is)} goes on`}`);
    if (!(error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS"))) return 1;
    console.error(USAGE);
    return 2;
  }
}

process.exitCode = await main();
