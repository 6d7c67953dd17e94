// What the archiver and the sweep ask about media: how long they stay, what of the store may go, and holding them.
import { Hono } from "hono";
import { blobOf, conversationOf, type Env } from "../../durable-objects/platform/env.ts";
import { currentSettings, loadSettings } from "../../durable-objects/settings/current.ts";
import { errorFields, log } from "../../log/log.ts";
import { ChatError } from "../../protocol/errors.ts";
import { HELD_CONTENTS, HoldQuery, KeptQuery, type MediaHold, SweepQuery } from "../../protocol/media-keeping.ts";
import type { AppEnv } from "../auth.ts";
import { expectOk } from "../errors.ts";
import { askedByArchiver } from "../requests-archive.ts";

export const mediaArchive = new Hono<AppEnv>();

/** A page of the sweep: a thousand objects of a hundred contents. */
const SWEEP_BYTES = 256 * 1024;

mediaArchive.post("/internal/archive/media/kept", async (context) => {
  await askedByArchiver(context, KeptQuery);
  await loadSettings(context.env);
  const { media_retention_ms: retention_ms, media_grace_ms: grace_ms, media_unsent_ms: unsent_ms } = currentSettings(context.env);
  return context.json({ retention_ms, grace_ms, unsent_ms });
});

mediaArchive.post("/internal/archive/media/sweep", async (context) => {
  const { contents, now, dry_run } = await askedByArchiver(context, SweepQuery, SWEEP_BYTES);
  const answers = await Promise.all(contents.map(async ({ key, objects }) => {
    try {
      return (await blobOf(context.env, key).sweep({ key, objects, now, dry_run })).fates;
    } catch (error) {
      // The others are swept: one that does not answer holds up nobody.
      log("warn", "media_unswept", { media_key: key, ...errorFields(error) });
      return objects.map(({ name }) => name);
    }
  }));
  const all = answers.flat();
  return context.json({ fates: all.filter((answer) => typeof answer !== "string"), failed: all.filter((answer) => typeof answer === "string") });
});

mediaArchive.post("/internal/archive/media/hold", async (context) => {
  const { conversation_id, hold, held, after } = await askedByArchiver(context, HoldQuery);
  const conversation = conversationOf(context.env, conversation_id);
  const { media, next } = expectOk(await conversation.holdMedia({ step: "list", hold, after, limit: HELD_CONTENTS }));
  const mark = async (seqs: number[]) => {
    if (seqs.length > 0) expectOk(await conversation.holdMedia({ step: "mark", hold, held, seqs }));
  };
  // No message says that it is held before its file is.
  if (!held) await mark(media.map(({ seq }) => seq));
  const kept = await keep(context.env, new Set(media.map(({ media_key }) => media_key)), hold, held);
  const seqs = media.filter(({ media_key }) => kept.has(media_key)).map(({ seq }) => seq);
  if (held) await mark(seqs);
  return context.json({ contents: held ? kept.size : new Set(media.map(({ media_key }) => media_key)).size, gone: held ? media.length - seqs.length : 0, next });
});

/** Those that are kept now. */
async function keep(env: Env, keys: ReadonlySet<string>, hold: MediaHold, held: boolean): Promise<ReadonlySet<string>> {
  const answers = await Promise.all([...keys].map(async (key) => {
    try {
      return { key, ...(await blobOf(env, key).hold({ hold, held })) };
    } catch (error) {
      log("warn", "media_unheld", { media_key: key, ...errorFields(error) });
      throw new ChatError("unavailable", { retry_after_ms: 1_000 });
    }
  }));
  return new Set(answers.filter(({ kept }) => kept).map(({ key }) => key));
}
