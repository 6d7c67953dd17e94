// Long polls and posted frames: the way in where a proxy lets no socket through.
import { Hono } from "hono";
import { sessionOf } from "../../durable-objects/platform/env.ts";
import { decodeFrame, type DecodedFrame } from "../../protocol/codec-json.ts";
import { ChatError } from "../../protocol/errors.ts";
import { FRAMES_PER_ARRAY } from "../../protocol/limits.ts";
import { FramesQuery, PollQuery } from "../../protocol/rest/inbox.ts";
import { type AppEnv, claimsOf, userToken } from "../auth.ts";
import { expectOk } from "../errors.ts";
import { parsed, readJson } from "../requests.ts";

export const poll = new Hono<AppEnv>();

poll.get("/v1/poll", async (context) => {
  const claims = claimsOf(await userToken(context.env, context.req.raw));
  const { user_seq, wait, device_id } = parsed(PollQuery, context.req.query());
  const { text } = expectOk(await sessionOf(context.env, claims.user_id).poll({ claims, device_id: device_id ?? null, user_seq, wait }));
  return answer(text);
});

poll.post("/v1/frames", async (context) => {
  const claims = claimsOf(await userToken(context.env, context.req.raw));
  const session = sessionOf(context.env, claims.user_id);
  const { device_id } = parsed(FramesQuery, context.req.query());
  const frames = await readFrames(context.req.raw).catch(async (error: unknown) => {
    // Each frame counts against the rate limit; what is none counts as one.
    expectOk(await session.admit(claims, 1));
    throw error;
  });
  const { text } = expectOk(await session.frames({ claims, device_id: device_id ?? null, frames }));
  return answer(text);
});

async function readFrames(request: Request): Promise<DecodedFrame[]> {
  const body = await readJson(request);
  const items: unknown[] = Array.isArray(body) ? body : [body];
  if (items.length === 0) throw new ChatError("bad_frame", { message: "an empty array" });
  if (items.length > FRAMES_PER_ARRAY) throw new ChatError("bad_frame", { message: `more than ${FRAMES_PER_ARRAY} frames` });
  return items.map((item) => decodeFrame(item));
}

/** The session has made the JSON: events travel as they were encoded once. */
function answer(text: string): Response {
  return new Response(text, { headers: { "Content-Type": "application/json", "Cache-Control": "no-store" } });
}
