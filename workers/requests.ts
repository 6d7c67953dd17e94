// Reading requests: bodies within their limit and in valid UTF-8, queries and paths by their schemas.
import * as v from "valibot";
import { firstIssue } from "../protocol/codec-json.ts";
import { ChatError } from "../protocol/errors.ts";
import { FRAME_BYTES } from "../protocol/limits.ts";

/** A body that is too long is read to its end up to here: answered before, it may cost the client its connection. */
const READ_BYTES = 8 * FRAME_BYTES;

/**
 * The JSON of a body; throws `bad_request` or `frame_too_large`.
 * @param none what an empty body stands for; without it there must be one
 * @param most bytes
 */
export async function readJson(request: Request, none?: object, most = FRAME_BYTES): Promise<unknown> {
  const bytes = await readBytes(request, most);
  if (bytes.length === 0 && none !== undefined) return none;
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    throw new ChatError("bad_request", { message: "The body is not JSON in UTF-8." });
  }
}

/** Keeps nothing beyond the limit, whatever the request said of its length. */
async function readBytes(request: Request, most: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.byteLength;
    if (length <= most) chunks.push(chunk);
    if (length > Math.max(most, READ_BYTES)) break;
  }
  if (length > most) throw new ChatError("frame_too_large");
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}

export function parsed<S extends v.GenericSchema>(schema: S, value: unknown): v.InferOutput<S> {
  // To a schema without required fields an array would pass for an object.
  if (Array.isArray(value)) throw new ChatError("bad_request", { message: "wrong shape" });
  const result = v.safeParse(schema, value);
  if (!result.success) throw new ChatError("bad_request", { message: firstIssue(result.issues) });
  return result.output;
}

/** A path's id that can't be one is an absent thing, like any other that the caller may not see. */
export function pathId<S extends v.GenericSchema>(schema: S, value: string): v.InferOutput<S> {
  const result = v.safeParse(schema, value);
  if (!result.success) throw new ChatError("not_found");
  return result.output;
}
