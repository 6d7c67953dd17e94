// Bodies of calls that only the archiver may make.
import type { Context } from "hono";
import type * as v from "valibot";
import { checkArchiveToken } from "./archive-token.ts";
import { type AppEnv, tokenOf } from "./auth.ts";
import { parsed, readJson } from "./requests.ts";

/** The body, once it is the archiver's. @param bytes of its JSON, at most */
export async function askedByArchiver<S extends v.GenericSchema>(context: Context<AppEnv>, schema: S, bytes?: number): Promise<v.InferOutput<S>> {
  await checkArchiveToken(context.env.ARCHIVE_SECRET, tokenOf(context.req.raw));
  return parsed(schema, await readJson(context.req.raw, undefined, bytes));
}
