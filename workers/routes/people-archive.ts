// What the archiver asks when an operator exports what is kept of a conversation or a person, or erases a person.
import { Hono } from "hono";
import { conversationOf, reportsOf, sessionOf } from "../../durable-objects/platform/env.ts";
import { EraseConversation, ErasePerson, ExportConversation, ExportInbox, ExportPerson, ExportReports, ScrubObject } from "../../protocol/person.ts";
import type { AppEnv } from "../auth.ts";
import { eraseUploads } from "../erase-uploads.ts";
import { expectOk } from "../errors.ts";
import { askedByArchiver } from "../requests-archive.ts";

export const peopleArchive = new Hono<AppEnv>();

peopleArchive.post("/internal/archive/export/conversation", async (context) => {
  const { conversation_id, ...call } = await askedByArchiver(context, ExportConversation);
  const { ok: _, ...answer } = expectOk(await conversationOf(context.env, conversation_id).exported(call));
  return context.json(answer);
});

peopleArchive.post("/internal/archive/export/user", async (context) => {
  const { user_id } = await askedByArchiver(context, ExportPerson);
  return context.json(expectOk(await sessionOf(context.env, user_id).exportUser()).user);
});

peopleArchive.post("/internal/archive/export/inbox", async (context) => {
  const { user_id, ...page } = await askedByArchiver(context, ExportInbox);
  const { rows, next } = expectOk(await sessionOf(context.env, user_id).exportInbox(page));
  return context.json({ rows, next });
});

peopleArchive.post("/internal/archive/export/reports", async (context) => {
  return context.json(await reportsOf(context.env).exportReports(await askedByArchiver(context, ExportReports)));
});

peopleArchive.post("/internal/archive/erase/conversation", async (context) => {
  const { conversation_id, ...call } = await askedByArchiver(context, EraseConversation);
  const { ok: _, ...answer } = expectOk(await conversationOf(context.env, conversation_id).eraseSender(call));
  return context.json(answer);
});

peopleArchive.post("/internal/archive/erase/user", async (context) => {
  const call = await askedByArchiver(context, ErasePerson);
  const { waiting = [], ...erased } = expectOk(await sessionOf(context.env, call.user_id).eraseUser(call)).erased;
  return context.json({ ...erased, uploads: await eraseUploads(context.env, call.user_id, waiting, call.dry_run) });
});

peopleArchive.post("/internal/archive/erase/reports", async (context) => {
  return context.json(await reportsOf(context.env).eraseUser(await askedByArchiver(context, ErasePerson)));
});

peopleArchive.post("/internal/archive/erase/scrub", async (context) => {
  const { user_id } = await askedByArchiver(context, ScrubObject);
  return context.json(await (user_id === undefined ? reportsOf(context.env) : sessionOf(context.env, user_id)).scrub());
});
