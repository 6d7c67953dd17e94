// What the archiver calls.
import { Hono } from "hono";
import { conversationOf } from "../../durable-objects/platform/env.ts";
import { ArchiveAck, ArchiveWrong } from "../../protocol/archive.ts";
import { ChainQuery, LinksQuery } from "../../protocol/chain-calls.ts";
import { EventsQuery, RESTORE_BYTES, RestoreStep } from "../../protocol/restore-calls.ts";
import { ConversationId } from "../../protocol/ids.ts";
import { checkArchiveToken } from "../archive-token.ts";
import { type AppEnv, tokenOf } from "../auth.ts";
import { expectOk } from "../errors.ts";
import { parsed, pathId, readJson } from "../requests.ts";

export const internal = new Hono<AppEnv>();

internal.post("/internal/archive/ack", async (context) => {
  await checkArchiveToken(context.env.ARCHIVE_SECRET, tokenOf(context.req.raw));
  const ack = parsed(ArchiveAck, await readJson(context.req.raw));
  const { archived_seq, receipts = [] } = expectOk(await conversationOf(context.env, pathId(ConversationId, ack.conversation_id)).archived(ack));
  return context.json({ archived_seq, receipts });
});

internal.post("/internal/archive/wrong", async (context) => {
  await checkArchiveToken(context.env.ARCHIVE_SECRET, tokenOf(context.req.raw));
  const report = parsed(ArchiveWrong, await readJson(context.req.raw));
  const { put_again } = expectOk(await conversationOf(context.env, pathId(ConversationId, report.conversation_id)).segmentWrong(report));
  return context.json({ put_again });
});

internal.post("/internal/archive/chain", async (context) => {
  await checkArchiveToken(context.env.ARCHIVE_SECRET, tokenOf(context.req.raw));
  const query = parsed(ChainQuery, await readJson(context.req.raw));
  return context.json(expectOk(await conversationOf(context.env, pathId(ConversationId, query.conversation_id)).chain(query)).chain);
});

internal.post("/internal/archive/links", async (context) => {
  await checkArchiveToken(context.env.ARCHIVE_SECRET, tokenOf(context.req.raw));
  const query = parsed(LinksQuery, await readJson(context.req.raw));
  const { links } = expectOk(await conversationOf(context.env, pathId(ConversationId, query.conversation_id)).links(query));
  return context.json({ links });
});

internal.post("/internal/archive/events", async (context) => {
  await checkArchiveToken(context.env.ARCHIVE_SECRET, tokenOf(context.req.raw));
  const query = parsed(EventsQuery, await readJson(context.req.raw));
  const { events } = expectOk(await conversationOf(context.env, pathId(ConversationId, query.conversation_id)).unsealed(query));
  return context.json({ events });
});

internal.post("/internal/archive/restore", async (context) => {
  await checkArchiveToken(context.env.ARCHIVE_SECRET, tokenOf(context.req.raw));
  // A page of events in JSON, where each of their quotes is escaped.
  const step = parsed(RestoreStep, await readJson(context.req.raw, undefined, 8 * RESTORE_BYTES));
  return context.json(expectOk(await conversationOf(context.env, pathId(ConversationId, step.conversation_id)).restore(step)).restore);
});
