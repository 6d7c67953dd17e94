// What users tell the operator of messages and people, and how the operator reads it.
import { Hono } from "hono";
import { conversationOf, type Env, reportsOf } from "../../durable-objects/platform/env.ts";
import { log } from "../../log/log.ts";
import { ChatError } from "../../protocol/errors.ts";
import { ConversationId, MsgId } from "../../protocol/ids.ts";
import { sentAtOf } from "../../protocol/msg-id.ts";
import { PAGE_MAX } from "../../protocol/limits.ts";
import { type Evidence, ReportBody, ReportPatch, ReportsQuery } from "../../protocol/users.ts";
import * as v from "valibot";
import { withArchivedBodies } from "../archived.ts";
import { type AppEnv, callerOf, service, userWithin } from "../auth.ts";
import { expectOk } from "../errors.ts";
import { parsed, pathId, readJson } from "../requests.ts";

export const reports = new Hono<AppEnv>();

const ReportId = v.pipe(v.string(), v.uuid());

reports.post("/v1/reports", userWithin("report"), async (context) => {
  const body = parsed(ReportBody, await readJson(context.req.raw));
  const reporter_id = callerOf(context);
  const evidence = await seenBy(context.env, reporter_id, body);
  const { report, created } = await reportsOf(context.env).file({ ...body, reporter_id, evidence });
  const { report_id, status, reported_at } = report;
  return context.json({ report_id, status, reported_at }, created ? 201 : 200);
});

reports.get("/v1/admin/reports", service, async (context) => {
  const { status, cursor, limit } = parsed(ReportsQuery, context.req.query());
  return context.json(await reportsOf(context.env).list({ status, cursor: cursor ?? null, limit }));
});

reports.patch("/v1/admin/reports/:report_id", service, async (context) => {
  const report_id = pathId(ReportId, context.req.param("report_id"));
  const { note } = parsed(ReportPatch, await readJson(context.req.raw));
  const { report } = expectOk(await reportsOf(context.env).close({ report_id, note: note ?? null }));
  return context.json(report);
});

/** Deletes a message for everybody, in the service's name. A report keeps its copy until it is closed. */
reports.delete("/v1/admin/conversations/:conversation_id/messages/:msg_id", service, async (context) => {
  const conversation_id = pathId(ConversationId, context.req.param("conversation_id"));
  const msg_id = pathId(MsgId, context.req.param("msg_id"));
  const { changed } = expectOk(await conversationOf(context.env, conversation_id).erase({ msg_id }));
  log("info", "message_deleted", { by: callerOf(context), conversation_id, msg_id, changed });
  return context.body(null, 204);
});

/** What the reporter sees of what they report. Throws `not_found` for what they don't see. */
async function seenBy(env: Env, reporterId: string, body: ReportBody): Promise<Evidence | null> {
  const conversation = conversationOf(env, body.conversation_id);
  const { conversation: detail } = expectOk(await conversation.describe({ user_id: reporterId }));
  if (body.msg_id === undefined) {
    if (body.user_id !== undefined && !detail.members.some(({ user_id }) => user_id === body.user_id)) throw new ChatError("not_found");
    return null;
  }
  const message = await readMessage(env, reporterId, body.conversation_id, body.msg_id);
  if (message === null || (body.user_id !== undefined && body.user_id !== message.sender_id)) throw new ChatError("not_found");
  // What is encrypted between the members is copied nowhere.
  return detail.encryption === "e2ee" ? { ...message, content: null } : message;
}

/** A message by its id, as this member sees it: in history, in the millisecond that the id names. */
async function readMessage(env: Env, userId: string, conversationId: string, msgId: string): Promise<Evidence | null> {
  const at = sentAtOf(msgId);
  const conversation = conversationOf(env, conversationId);
  for (let cursor: string | undefined = undefined, more = true; more;) {
    const query = { from: at, to: at + 1, limit: PAGE_MAX, order: "asc" as const, ...(cursor === undefined ? {} : { cursor }) };
    const { page } = expectOk(await conversation.history({ user_id: userId, query }));
    const { events, next_cursor } = await withArchivedBodies(env, page);
    const found = events.find((event) => event.type === "msg" && event.msg_id === msgId);
    if (found?.type === "msg") {
      const { seq, msg_id, sender_id, sent_at, content_type, content } = found;
      return { seq, msg_id, sender_id, sent_at, content_type, content };
    }
    cursor = next_cursor ?? undefined;
    more = next_cursor !== null;
  }
  return null;
}
