// Bringing a file to the store: what is announced is kept in the user's session, and the client writes to an address that is signed
// for exactly that. No byte of it passes here.
import { type Context, Hono } from "hono";
import { errorFields, log } from "../../log/log.ts";
import { mediaOf, sessionOf } from "../../durable-objects/platform/env.ts";
import { count } from "../../durable-objects/platform/metrics.ts";
import { decideUpload, missingParts, partsByEtags, partSize, planParts } from "../../domain/uploads.ts";
import { type MediaBucket, type StoredPart, StoreUnavailable } from "../../media/bucket.ts";
import { ChatError } from "../../protocol/errors.ts";
import { PartQuery, type PartsAnswer, PartsBody, type UploadAnswer, UploadBody, UploadQuery } from "../../protocol/media.ts";
import type { PartEtags, Upload, UploadCall } from "../../protocol/rpc/media.ts";
import { type AppEnv, claimsOf, userToken } from "../auth.ts";
import { expectOk } from "../errors.ts";
import { parsed, readJson } from "../requests.ts";
import type { Token } from "../../durable-objects/platform/tokens.ts";

export const uploads = new Hono<AppEnv>();

type Asked = Context<AppEnv>;
/** An upload in parts. */
type InParts = Upload & { upload_id: string };

uploads.post("/api/media/upload-url", async (context) => {
  const token = await userToken(context.env, context.req.raw);
  const session = sessionOf(context.env, token.user_id);
  const { bucket, call } = await charged(context, token, async () => ({ call: await announced(context), bucket: storeOf(context) }));
  const { upload, expires_at } = expectOk(await session.startUpload(claimsOf(token), call));
  const plan = planParts(upload.size);
  if (plan === null) return answer(context, { key: upload.key, ...(await bucket.signPut(upload, context.req.url, Date.now())) });
  // Dying from here on leaves an upload without its id, which nobody goes on with, and parts of nothing, which the store clears away.
  const upload_id = upload.upload_id ?? await reaching(() => bucket.createUpload(upload.key, upload.content_type)).catch(async (error: unknown) => {
    // The client will not know its key: it would wait for nothing, and count.
    await session.dropUpload({ key: upload.key });
    throw error;
  });
  expectOk(await session.setUploadId({ key: upload.key, upload_id }));
  return answer(context, { key: upload.key, upload_id, ...plan, expires_at });
});

uploads.post("/api/media/:key/parts", async (context) => {
  const token = await userToken(context.env, context.req.raw);
  const { bucket, part, etags } = await charged(context, token, async () => ({ ...parsed(PartQuery, context.req.query()), etags: await etagsOf(context), bucket: storeOf(context) }));
  const { upload } = await inParts(context, token, etags);
  const size = partSize(upload.size, part);
  if (size === 0) throw new ChatError("bad_request", { message: "There is no such part." });
  return context.json(await bucket.signPart({ key: upload.key, upload_id: upload.upload_id, part, size }, context.req.url, Date.now()));
});

uploads.get("/api/media/:key/parts", async (context) => {
  const token = await userToken(context.env, context.req.raw);
  const bucket = await charged(context, token, async () => storeOf(context));
  const { upload, etags } = await inParts(context, token, []);
  const there = await partsThere(bucket, upload, etags) ?? await partsOfWhole(bucket, upload);
  return context.json({ parts: there.map(({ part, size }) => ({ part, size })) } satisfies PartsAnswer);
});

uploads.post("/api/media/:key/complete", async (context) => {
  const token = await userToken(context.env, context.req.raw);
  const { bucket, etags: told } = await charged(context, token, async () => ({ etags: await etagsOf(context), bucket: storeOf(context) }));
  const { upload, etags } = await inParts(context, token, told);
  const there = await partsThere(bucket, upload, etags);
  // The store knows no such upload: it was completed, and the answer was lost; or it is gone.
  if (there === null) {
    await partsOfWhole(bucket, upload);
    return context.json({ key: upload.key });
  }
  const missing = missingParts(upload.size, there);
  if (missing.length > 0) throw new ChatError("media_mismatch", { message: `Parts are not there: ${missing.slice(0, 20).join(", ")}${missing.length > 20 ? ", …" : ""}.` });
  const parts = there.filter(({ part }) => partSize(upload.size, part) > 0);
  const outcome = await reaching(() => bucket.completeUpload(upload.key, upload.upload_id, parts));
  if (outcome === "invalid") throw new ChatError("media_mismatch", { message: "A part is not there, or another than was said." });
  if (outcome === "absent") await partsOfWhole(bucket, upload);
  return context.json({ key: upload.key });
});

/** The user thinks better of it. What was uploaded goes at the store first: until it has, the upload is there to be dropped again. */
uploads.delete("/api/media/:key", async (context) => {
  const token = await userToken(context.env, context.req.raw);
  const bucket = await charged(context, token, async () => storeOf(context));
  const { upload } = await own(context, token, []);
  const { key, upload_id } = upload;
  await reaching(async () => {
    if (upload_id !== null) await bucket.abortUpload(key, upload_id);
    await bucket.remove(key);
  });
  await sessionOf(context.env, token.user_id).dropUpload({ key });
  return context.body(null, 204);
});

function answer(context: Asked, given: UploadAnswer): Response {
  return context.json(given);
}

/** What the session charges for by itself, once it is asked. A request that can't be one is charged all the same. */
async function charged<T>(context: Asked, token: Token, read: () => Promise<T>): Promise<T> {
  return read().catch(async (error: unknown) => {
    expectOk(await sessionOf(context.env, token.user_id).admit(claimsOf(token), 1));
    throw error;
  });
}

async function announced(context: Asked): Promise<UploadCall & { key?: string }> {
  const { type: kind, size } = parsed(UploadQuery, context.req.query());
  const { sha256, content_type, key } = parsed(UploadBody, await readJson(context.req.raw));
  const call = { kind, size, sha256, content_type };
  const decision = decideUpload(call);
  if (!decision.ok) throw new ChatError(decision.code, { message: decision.message });
  return { ...call, ...(key === undefined ? {} : { key }) };
}

async function etagsOf(context: Asked): Promise<PartEtags> {
  return parsed(PartsBody, await readJson(context.req.raw, {})).etags ?? [];
}

function storeOf({ env }: Asked): MediaBucket {
  const bucket = mediaOf(env);
  if (bucket === null) throw new ChatError("media_unavailable");
  return bucket;
}

async function own(context: Asked, token: Token, etags: PartEtags): Promise<{ upload: Upload; etags: PartEtags }> {
  const key = context.req.param("key") ?? "";
  return expectOk(await sessionOf(context.env, token.user_id).readUpload(claimsOf(token), { key, etags }));
}

async function inParts(context: Asked, token: Token, told: PartEtags): Promise<{ upload: InParts; etags: PartEtags }> {
  const { upload, etags } = await own(context, token, told);
  const { upload_id } = upload;
  if (upload_id === null) throw new ChatError("media_not_found", { message: "This upload is not in parts." });
  return { upload: { ...upload, upload_id }, etags };
}

/** null: the store has no such upload (any more). */
async function partsThere(bucket: MediaBucket, { key, upload_id, size }: InParts, etags: PartEtags): Promise<StoredPart[] | null> {
  const listed = await reaching(() => bucket.listParts(key, upload_id));
  if (listed === "unsupported") return partsByEtags(size, etags);
  return listed === "absent" ? null : listed;
}

/** All of them, where they have become the file. */
async function partsOfWhole(bucket: MediaBucket, { key, size }: InParts): Promise<{ part: number; size: number }[]> {
  const whole = await reaching(() => bucket.head(key));
  if (whole?.size !== size) throw new ChatError("media_not_found");
  return missingParts(size, []).map((part) => ({ part, size: partSize(size, part) }));
}

async function reaching<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
    count("media_store_failures");
    log("error", "media_store_failed", errorFields(error));
    throw new ChatError("unavailable", { retry_after_ms: 1_000 });
  }
}
