// `npm run media:lifecycle`: says how the bucket's lifecycle rules differ from those that media need; with `--apply` it sets them.
import { parseArgs } from "node:util";
import { HttpEdge } from "../archiver/edge.ts";
import { MediaEdge } from "../archiver/media-edge.ts";
import { reasonOf } from "../archiver/reason.ts";
import { EnvironmentError, readEdge, readKept, readStore } from "./media/environment.ts";
import { LifecycleStore, Unsupported } from "./media/lifecycle-store.ts";
import { describe, type Difference, differenceOf, isNone, type Kept, overlaps, prefixOf, wantedRules, withWanted } from "./media/rules.ts";

const USAGE = `usage: npm run media:lifecycle [-- --apply]

  Shows how the bucket's rules differ; changes them with --apply alone. MEDIA_ENDPOINT, MEDIA_BUCKET, MEDIA_ACCESS_KEY_ID,
  MEDIA_SECRET_ACCESS_KEY name the store, MEDIA_COLD_DAYS (90; 0: never), MEDIA_COLD_CLASS (STANDARD_IA) and
  MEDIA_RETENTION_DAYS (365; with EDGE_URL and ARCHIVE_SECRET what the edge says) what it does. Ends with 0 where the rules are as they should be, 3 where they are not and nothing
  was changed, 4 where the store has no rules, 2 for wrong words or variables, 1 for any other failure.`;

const DAY_MS = 86_400_000;
const EDGE_MS = 30_000;
const DIFFERS = 3;
const UNSUPPORTED = 4;

function say(difference: Difference): void {
  for (const rule of difference.foreign) console.log(`  ${describe(rule)} (not ours, stays)`);
  for (const rule of difference.same) console.log(`  ${describe(rule)}`);
  for (const rule of difference.removed) console.log(`- ${describe(rule)}`);
  for (const { from, to } of difference.changed) console.log(`- ${describe(from)}\n+ ${describe(to)}`);
  for (const rule of difference.added) console.log(`+ ${describe(rule)}`);
  for (const rule of overlaps(difference)) {
    console.error(`warning: the rule ${rule.ID ?? ""} deletes below ${JSON.stringify(prefixOf(rule))}: held files, or files before their time, are lost to it`);
  }
}

/** Where the edge is named it says how long files are kept, unless the environment does. */
async function keptDays(): Promise<Kept> {
  const { EDGE_URL = "", MEDIA_RETENTION_DAYS = "" } = process.env;
  if (EDGE_URL === "") return readKept(process.env);
  const { edgeUrl, secret } = readEdge(process.env);
  const edge = new MediaEdge(new HttpEdge(edgeUrl, secret), AbortSignal.timeout(EDGE_MS));
  const days = Math.max(1, Math.ceil((await edge.kept()).retention_ms / DAY_MS));
  const kept = readKept(MEDIA_RETENTION_DAYS === "" ? { ...process.env, MEDIA_RETENTION_DAYS: String(days) } : process.env);
  if (kept.retentionDays !== days) {
    console.error(`warning: the edge says of files that they are kept for ${days} days (media_retention_ms), MEDIA_RETENTION_DAYS says ${kept.retentionDays}: set both to the same`);
  }
  return kept;
}

async function run(store: LifecycleStore, apply: boolean): Promise<number> {
  const wanted = wantedRules(await keptDays());
  const before = await store.read();
  const difference = differenceOf(before.rules, wanted);
  say(difference);
  if (await store.isVersioned()) console.error("warning: the bucket keeps older versions: what is deleted stays there as one, also of an erased person; turn versioning off");
  if (isNone(difference)) {
    console.log("the rules are as they should be");
    return 0;
  }
  if (!apply) {
    console.log("nothing was changed; --apply does it");
    return DIFFERS;
  }
  await store.write({ rules: withWanted(difference, wanted), smallObjects: before.smallObjects });
  // A store that drops what it does not know would say that all is well.
  const after = differenceOf((await store.read()).rules, wanted);
  if (!isNone(after)) {
    console.error("media:lifecycle: the store took the rules and keeps others:");
    say(after);
    return 1;
  }
  console.log("applied");
  return 0;
}

async function main(): Promise<number> {
  let store: LifecycleStore | null = null;
  try {
    const { values: { apply = false } } = parseArgs({ options: { apply: { type: "boolean" } } });
    store = new LifecycleStore(readStore(process.env));
    return await run(store, apply);
  } catch (error) {
    if (error instanceof Unsupported) {
      console.log(`unsupported_by_store: ${error.message || "it answered 501"}; run media:sweep every day, which deletes in its place`);
      return UNSUPPORTED;
    }
    const wrong = error instanceof EnvironmentError || (error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS"));
    const lines = error instanceof EnvironmentError ? error.message.split("\n") : [reasonOf(error)];
    for (const line of lines) console.error(`media:lifecycle: ${line}`);
    if (wrong && !(error instanceof EnvironmentError)) console.error(USAGE);
    return wrong ? 2 : 1;
  } finally {
    store?.close();
  }
}

process.exitCode = await main();
