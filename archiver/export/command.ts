// `npm run archiver -- export conversation|user <id>`: everything that is kept of a conversation or a person, a JSON object a line.
// The last line says that it is whole; an export without it was interrupted.
import { createWriteStream } from "node:fs";
import { rename } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { parseArgs } from "node:util";
import * as v from "valibot";
import { log } from "../../log/log.ts";
import { ConversationId } from "../../protocol/ids.ts";
import { PersonId } from "../../protocol/users.ts";
import { type Command, type CommandTools, UsageError } from "../commands.ts";
import { HttpEdge } from "../edge.ts";
import { Absent } from "../asking.ts";
import { PeopleEdge } from "../people-edge.ts";
import { exportEvents, type ExportTools } from "./events.ts";

interface Wanted {
  what: "conversation" | "user";
  id: string;
  /** null: to stdout */
  out: string | null;
}

function parse(args: readonly string[]): Wanted {
  try {
    const { values: { out }, positionals: [what, id, ...more] } = parseArgs({ args: [...args], options: { out: { type: "string" } }, allowPositionals: true });
    if ((what !== "conversation" && what !== "user") || more.length > 0) throw new UsageError("export takes conversation or user, and an id");
    if (!v.is(what === "user" ? PersonId : ConversationId, id)) throw new UsageError(`${id ?? "nothing"} is no id of a ${what}`);
    return { what, id, out: out ?? null };
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError(error instanceof Error ? error.message : String(error));
  }
}

export async function* conversationLines(tools: ExportTools, conversationId: string): AsyncGenerator<object> {
  yield { line: "conversation", ...(await tools.edge.detail(conversationId)) };
  let events = 0;
  const pages = exportEvents(tools, conversationId);
  for (;;) {
    const page = await pages.next();
    if (page.done === true) {
      yield { line: "end", events, ...page.value };
      return;
    }
    events += page.value.length;
    yield* page.value;
  }
}

export async function* userLines(tools: ExportTools, userId: string): AsyncGenerator<object> {
  const { account, devices, blocks } = await tools.edge.user(userId);
  yield { line: "account", ...account };
  for (const device of devices) yield { line: "device", ...device };
  for (const block of blocks) yield { line: "block", ...block };
  const counts = { events: 0, conversations: 0, reports: 0 };
  for await (const row of tools.edge.inbox(userId)) {
    counts.conversations += 1;
    // Somebody who left has neither a title nor a preview of it any more, but their stays.
    const { last_message: _, ...membership } = row as Record<string, unknown>;
    yield { line: "membership", ...membership, stays: await tools.edge.stays(row.conversation_id, userId) };
    for await (const page of exportEvents(tools, row.conversation_id, userId)) {
      counts.events += page.length;
      yield* page;
    }
  }
  for await (const report of tools.edge.reports(userId)) {
    counts.reports += 1;
    yield { line: "report", ...report };
  }
  yield { line: "end", ...counts };
}

async function write(lines: AsyncIterable<object>, out: string | null, signal: AbortSignal): Promise<void> {
  const text = Readable.from((async function* () {
    for await (const line of lines) yield `${JSON.stringify(line)}\n`;
  })(), { objectMode: false, highWaterMark: 1024 * 1024 });
  if (out === null) {
    await pipeline(text, process.stdout, { signal, end: false });
    return;
  }
  // Whoever finds the file finds all of it.
  const partial = `${out}.partial`;
  await pipeline(text, createWriteStream(partial, { mode: 0o600 }), { signal });
  await rename(partial, out);
}

async function run(args: readonly string[], { config, store, signal }: CommandTools): Promise<number> {
  const { what, id, out } = parse(args);
  const tools = { edge: new PeopleEdge(new HttpEdge(config.edgeUrl, config.secret), signal), store };
  try {
    await write(what === "user" ? userLines(tools, id) : conversationLines(tools, id), out, signal);
    log("info", "exported", { what, id, ...(out === null ? {} : { out }) });
    return 0;
  } catch (error) {
    if (!(error instanceof Absent)) throw error;
    process.stderr.write(`archiver: there is no ${what} ${id}\n`);
    return 1;
  }
}

export const command: Command = { usage: "export conversation|user <id> [--out FILE]", run };
