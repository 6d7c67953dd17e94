// What the archiver calls.
import { Hono } from "hono";
import { conversationOf } from "../../durable-objects/platform/env.ts";
import { ArchiveAck, ArchiveWrong } from "../../protocol/archive.ts";
import { ChainQuery, LinksQuery } from "../../protocol/chain-calls.ts";
import { EventsQuery, RESTORE_BYTES, RestoreStep } from "../../protocol/restore-calls.ts";
import { ConversationId } from "../../protocol/ids.ts";
import type { AppEnv } from "../auth.ts";
import { expectOk } from "../errors.ts";
import { pathId } from "../requests.ts";
import { askedByArchiver } from "../requests-archive.ts";

export const internal = new Hono<AppEnv>();

internal.post("/internal/archive/ack", async (context) => {
  const ack = await askedByArchiver(context, ArchiveAck);
  const { archived_seq, receipts = [] } = expectOk(await conversationOf(context.env, pathId(ConversationId, ack.conversation_id)).archived(ack));
  return context.json({ archived_seq, receipts });
});

internal.post("/internal/archive/wrong", async (context) => {
  const report = await askedByArchiver(context, ArchiveWrong);
  const { put_again } = expectOk(await conversationOf(context.env, report.conversation_id).segmentWrong(report));
  return context.json({ put_again });
});

internal.post("/internal/archive/chain", async (context) => {
  const query = await askedByArchiver(context, ChainQuery);
  return context.json(expectOk(await conversationOf(context.env, query.conversation_id).chain(query)).chain);
});

internal.post("/internal/archive/links", async (context) => {
  const query = await askedByArchiver(context, LinksQuery);
  const { links } = expectOk(await conversationOf(context.env, query.conversation_id).links(query));
  return context.json({ links });
});

internal.post("/internal/archive/events", async (context) => {
  const query = await askedByArchiver(context, EventsQuery);
  const { events } = expectOk(await conversationOf(context.env, query.conversation_id).unsealed(query));
  return context.json({ events });
});

internal.post("/internal/archive/restore", async (context) => {
  // A page of events in JSON, where each of their quotes is escaped.
  const step = await askedByArchiver(context, RestoreStep, 8 * RESTORE_BYTES);
  return context.json(expectOk(await conversationOf(context.env, step.conversation_id).restore(step)).restore);
});
