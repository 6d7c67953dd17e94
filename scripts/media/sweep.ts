// Takes away what nobody needs: uploads that were not sent, and contents of which the edge says that no message leads to them. Done
// twice, or beside another, it does nothing else; stopped, it goes on from where it was.
import type { MediaEdge } from "../../archiver/media-edge.ts";
import { inLanes } from "../../archiver/lanes.ts";
import { contentOf, FATES, type Fate, ListedContent, type MediaKept, SWEPT_CONTENTS } from "../../protocol/media-keeping.ts";
import type { Files, StoredFile } from "./files.ts";
import * as v from "valibot";

/** Removals under way at once. */
const WIDTH = 8;
/** An upload may be on its way into a message in the very moment in which its time is over. */
const SENDING_MS = 15 * 60_000;

export interface Count {
  objects: number;
  bytes: number;
}

export interface Swept {
  looked: number;
  /** Gone, or would be. */
  uploads: Count;
  /** null: the store can't list them. */
  unfinished: number | null;
  contents: Record<Fate, Count>;
  /** Names below `m/` and `h/` that are no content's. */
  foreign: number;
  /** Contents about which nobody answered: the next sweep asks again. */
  failed: number;
}

export interface SweepTools {
  files: Files;
  edge: Pick<MediaEdge, "sweep">;
  kept: MediaKept;
  dryRun: boolean;
  /** Called with each page; `place`: all up to it, in the order of names, is done. Throws to stop. */
  progress: (place: string, swept: Swept) => void;
}

export function newSwept(): Swept {
  const contents = Object.fromEntries(FATES.map((fate) => [fate, { objects: 0, bytes: 0 }])) as Swept["contents"];
  return { looked: 0, uploads: { objects: 0, bytes: 0 }, unfinished: 0, contents, foreign: 0, failed: 0 };
}

/** In the order of names, so that one place says what is done: contents that are held (`h/`), contents (`m/`), uploads (`up/`). */
export async function sweep(from: string, uploadsOnly: boolean, tools: SweepTools): Promise<Swept> {
  const swept = newSwept();
  for (const prefix of uploadsOnly ? [] : ["h/", "m/"]) await sweepContents(prefix, from, tools, swept);
  await sweepUploads(from, tools, swept);
  await sweepUnfinished(tools, swept);
  return swept;
}

/** Where a listing of the prefix begins that goes on at a place; null: it is behind all of it. */
function startIn(prefix: string, from: string): string | null {
  if (from <= prefix) return "";
  return from.startsWith(prefix) ? from : null;
}

async function sweepUploads(from: string, { files, kept, dryRun, progress }: SweepTools, swept: Swept): Promise<void> {
  const after = startIn("up/", from);
  if (after === null) return;
  for await (const page of files.list("up/", after)) {
    const due = page.files.filter(({ at }) => isUnsent(at, page.now, kept));
    if (!dryRun) await inLanes(due, WIDTH, ({ name }) => files.remove(name));
    swept.looked += page.files.length;
    for (const file of due) add(swept.uploads, file);
    progress(page.files.at(-1)?.name ?? after, swept);
  }
}

async function sweepUnfinished({ files, kept, dryRun, progress }: SweepTools, swept: Swept): Promise<void> {
  for await (const page of files.unfinished("up/")) {
    if (page === null) {
      swept.unfinished = null;
      return;
    }
    const due = page.uploads.filter(({ at }) => isUnsent(at, page.now, kept));
    if (!dryRun) await inLanes(due, WIDTH, (upload) => files.abort(upload));
    swept.unfinished = (swept.unfinished ?? 0) + due.length;
    progress("up/\u{10ffff}", swept);
  }
}

function isUnsent(at: number, now: number, { unsent_ms }: MediaKept): boolean {
  return now - at > unsent_ms + Math.min(SENDING_MS, unsent_ms);
}

async function sweepContents(prefix: string, from: string, { files, edge, kept, dryRun, progress }: SweepTools, swept: Swept): Promise<void> {
  const after = startIn(prefix, from);
  if (after === null) return;
  // What is younger can have no end yet, whoever refers to it: nobody is asked, and no object is woken.
  const youngMs = Math.min(kept.grace_ms, kept.retention_ms);
  for await (const page of files.list(prefix, after)) {
    swept.looked += page.files.length;
    const known = page.files.filter(({ name }) => v.is(ListedContent.entries.name, name));
    swept.foreign += page.files.length - known.length;
    const [old, young] = [known.filter(({ at }) => page.now - at >= youngMs), known.filter(({ at }) => page.now - at < youngMs)];
    for (const file of young) add(swept.contents.young, file);
    const byName = new Map(old.map((file) => [file.name, file]));
    for (const contents of batches(old)) {
      const { fates, failed } = await edge.sweep({ contents, now: page.now, dry_run: dryRun });
      swept.failed += failed.length;
      for (const { name, fate } of fates) {
        const file = byName.get(name);
        if (file !== undefined) add(swept.contents[fate], file);
      }
    }
    progress(page.files.at(-1)?.name ?? after, swept);
  }
}

function batches(files: readonly StoredFile[]): { key: string; objects: ListedContent[] }[][] {
  const contents = [...Map.groupBy(files, ({ name }) => contentOf(name))].map(([key, objects]) => ({ key, objects: objects.map(({ name, at }) => ({ name, at })) }));
  return Array.from({ length: Math.ceil(contents.length / SWEPT_CONTENTS) }, (_, i) => contents.slice(i * SWEPT_CONTENTS, (i + 1) * SWEPT_CONTENTS));
}

function add(count: Count, { size }: Pick<StoredFile, "size">): void {
  count.objects += 1;
  count.bytes += size;
}
