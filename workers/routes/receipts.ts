// What became of a message, member by member.
import { Hono } from "hono";
import * as v from "valibot";
import { conversationOf } from "../../durable-objects/platform/env.ts";
import { ConversationId, MsgId } from "../../protocol/ids.ts";
import { type AppEnv, callerOf, user } from "../auth.ts";
import { expectOk } from "../errors.ts";
import { parsed, pathId } from "../requests.ts";

export const receipts = new Hono<AppEnv>();

const Query = v.object({ msg_id: MsgId });

receipts.get("/v1/conversations/:conversation_id/receipts", user, async (context) => {
  const conversation_id = pathId(ConversationId, context.req.param("conversation_id"));
  const { msg_id } = parsed(Query, context.req.query());
  const found = expectOk(await conversationOf(context.env, conversation_id).messageReceipts({ user_id: callerOf(context), msg_id }));
  return context.json({ receipts: found.receipts });
});
