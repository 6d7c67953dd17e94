// What an erased person has uploaded and not sent goes from the store, then from what is known of it: whatever ends this, the next call
// ends the work.
import { type Env, mediaOf, sessionOf } from "../durable-objects/platform/env.ts";
import type { MediaBucket } from "../media/bucket.ts";
import { uploadPrefix } from "../protocol/media.ts";
import type { ErasedUser } from "../protocol/rpc/erasure.ts";

/** Removals under way at once. */
const WIDTH = 20;

/** @param waiting as the session has them @returns how many there were, or are */
export async function eraseUploads(env: Env, userId: string, waiting: NonNullable<ErasedUser["waiting"]>, dryRun: boolean): Promise<number> {
  const bucket = mediaOf(env);
  if (bucket === null) return 0;
  const names = await namesOf(bucket, userId);
  const uploads = new Map([...names.map((key) => [key, null] as const), ...waiting.map(({ key, upload_id }) => [key, upload_id] as const)]);
  if (dryRun) return uploads.size;
  await inTurns([...uploads], async ([key, uploadId]) => {
    if (uploadId !== null) await bucket.abortUpload(key, uploadId);
    await bucket.remove(key);
  });
  await inTurns(waiting, ({ key }) => sessionOf(env, userId).dropUpload({ key }));
  return uploads.size;
}

async function namesOf(bucket: MediaBucket, userId: string): Promise<string[]> {
  const names: string[] = [];
  for (let after: string | null = ""; after !== null;) {
    const page: Awaited<ReturnType<MediaBucket["list"]>> = await bucket.list({ prefix: uploadPrefix(userId), after });
    names.push(...page.objects.map(({ key }) => key));
    after = page.next;
  }
  return names;
}

async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  for (let i = 0; i < items.length; i += WIDTH) await Promise.all(items.slice(i, i + WIDTH).map(work));
}
