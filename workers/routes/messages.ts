// Sending over REST, and history.
import { Hono } from "hono";
import { conversationOf, sessionOf } from "../../durable-objects/platform/env.ts";
import { decodeFrame } from "../../protocol/codec-json.ts";
import { ChatError } from "../../protocol/errors.ts";
import type { Draft } from "../../protocol/frames/msg.ts";
import { ConversationId } from "../../protocol/ids.ts";
import { HistoryQuery } from "../../protocol/rest.ts";
import { historyPage } from "../archived.ts";
import { type AppEnv, callerOf, claimsOf, user, userToken } from "../auth.ts";
import { expectOk } from "../errors.ts";
import { parsed, pathId, readJson } from "../requests.ts";

export const messages = new Hono<AppEnv>();

messages.post("/v1/messages", async (context) => {
  const token = await userToken(context.env, context.req.raw);
  const session = sessionOf(context.env, token.user_id);
  const draft = await readDraft(context.req.raw).catch(async (error: unknown) => {
    // `send` counts a message against the rate limit; what is none counts as well.
    expectOk(await session.admit(claimsOf(token), 1));
    throw error;
  });
  const { ack } = expectOk(await session.send(claimsOf(token), draft));
  return context.json(ack, ack.dup === true ? 200 : 201);
});

messages.get("/v1/history/:conversation_id", user, async (context) => {
  const conversationId = pathId(ConversationId, context.req.param("conversation_id"));
  const query = parsed(HistoryQuery, context.req.query());
  const { page } = expectOk(await conversationOf(context.env, conversationId).history({ user_id: callerOf(context), query, text: true }));
  // The conversation has made all of the answer: nothing of it is parsed on its way.
  return page.text === undefined ? context.json(await historyPage(context.env, page)) : context.body(page.text, 200, { "Content-Type": "application/json" });
});

/** A body is a `msg` frame, whose type may be left out. */
async function readDraft(request: Request): Promise<Draft> {
  const body = await readJson(request);
  const decoded = decodeFrame(typeof body === "object" && body !== null && !("type" in body) ? { ...body, type: "msg" } : body);
  if (!decoded.ok) throw new ChatError(decoded.error.code, { message: decoded.error.message });
  if (decoded.frame.type !== "msg") throw new ChatError("bad_request", { message: "Only messages are sent here." });
  return decoded.frame;
}
