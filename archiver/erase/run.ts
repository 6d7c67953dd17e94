// Erasing a person: they are out, then their content goes, from where it would be copied to where copies are. Every step can be
// done again, so that whatever ends the command, the next one ends the work.
import { setTimeout as pause } from "node:timers/promises";
import { log } from "../../log/log.ts";
import { parseSegmentKey } from "../../protocol/segment.ts";
import { inLanes } from "../lanes.ts";
import { Absent } from "../asking.ts";
import type { PeopleEdge } from "../people-edge.ts";
import type { SegmentBucket } from "../s3.ts";
import type { Hold } from "../stores/holds.ts";
import { type Sweep, sweepArchivedRows } from "./archived-rows.ts";
import { examine, mayHold } from "./bucket-objects.ts";

/** Conversations in hand at once. */
const WIDTH = 4;
/** How long it waits for what others do: a conversation's PUTs, the directory. */
const WAIT_MS = 30_000;
const LOOK_MS = 200;

export interface EraseTools extends Sweep {
  edge: PeopleEdge;
  bucket: SegmentBucket;
  /** Deletes objects that nobody can read, where they are of a conversation that the person was in. */
  dropUnreadable: boolean;
  /** Also takes freed bytes out of the objects' files. */
  scrubs: boolean;
  signal: AbortSignal;
}

/** What was found and, unless it was only counted, is gone. */
export interface Tally {
  conversations: number;
  messages: number;
  reactions: number;
  groups_left: number;
  reports: number;
  /** Files that were uploaded and not sent. */
  uploads: number;
  archived_rows: number;
  bucket_objects: number;
  unreadable_objects: string[];
  /** Objects that are too large to be written anew. */
  unscrubbed: string[];
}

export function newTally(): Tally {
  return { conversations: 0, messages: 0, reactions: 0, groups_left: 0, reports: 0, uploads: 0, archived_rows: 0, bucket_objects: 0, unreadable_objects: [], unscrubbed: [] };
}

/** Is there anything of it that is still to be gone? */
export function isNothing({ messages, reactions, groups_left, reports, uploads, archived_rows, bucket_objects, unreadable_objects }: Tally): boolean {
  return messages + reactions + groups_left + reports + uploads + archived_rows + bucket_objects + unreadable_objects.length === 0;
}

/** With `dryRun` it counts. */
export async function eraseContent(tools: EraseTools): Promise<Tally> {
  const tally = newTally();
  const conversations = await conversationsOf(tools);
  tally.conversations = conversations.size;
  tally.reports = await tools.edge.eraseReports(tools.user_id, tools.dryRun);
  await inLanes(conversations, WIDTH, async (conversationId) => {
    await eraseConversation(conversationId, tools, tally);
    tally.archived_rows += await sweepArchivedRows(conversationId, tools);
    log("info", "erase_progress", { conversation_id: conversationId, messages: tally.messages, reactions: tally.reactions, archived_rows: tally.archived_rows });
  });
  await eraseObjects(conversations, tools, tally);
  return tally;
}

/** Those of their list, and others that the archive has something of theirs of. */
async function conversationsOf({ edge, store, user_id, checkpoint }: Pick<EraseTools, "edge" | "store" | "user_id" | "checkpoint">): Promise<Set<string>> {
  const conversations = new Set<string>();
  for await (const row of edge.inbox(user_id)) conversations.add(row.conversation_id);
  for await (const conversationId of store.conversationsOf(user_id, null)) {
    checkpoint();
    conversations.add(conversationId);
  }
  return conversations;
}

/** The holds that keep something of this person's: each wins over an erasure. */
export async function holdsOn(tools: Pick<EraseTools, "edge" | "store" | "user_id" | "checkpoint">): Promise<Hold[]> {
  const standing = (await tools.store.holds()).filter(({ state }) => state !== "releasing");
  if (standing.every(({ kind, id }) => kind === "user" && id !== tools.user_id)) return [];
  const conversations = standing.some(({ kind }) => kind === "conversation") ? await conversationsOf(tools) : new Set<string>();
  return standing.filter(({ kind, id }) => (kind === "user" ? id === tools.user_id : conversations.has(id)));
}

async function eraseConversation(conversationId: string, { edge, user_id, dryRun, checkpoint }: EraseTools, tally: Tally): Promise<void> {
  for (let after: number | null = 0; after !== null;) {
    checkpoint();
    const erased: Awaited<ReturnType<PeopleEdge["eraseSender"]>> | null = await edge.eraseSender(conversationId, user_id, after, dryRun).catch(orAbsent);
    // Its storage is gone; what the archive has of it is swept all the same.
    if (erased === null) return;
    tally.messages += erased.messages;
    tally.reactions += erased.reactions;
    tally.groups_left += erased.left && after === 0 ? 1 : 0;
    after = erased.next;
  }
}

function orAbsent(error: unknown): null {
  if (error instanceof Absent) return null;
  throw error;
}

/** What a conversation has planned it puts again itself; what is left after that is nobody's plan. */
async function eraseObjects(conversations: ReadonlySet<string>, tools: EraseTools, tally: Tally): Promise<void> {
  const found = await examineAll(conversations, tools);
  if (!tools.dryRun) {
    const owners = new Set([...found.owed, ...found.unreadable].map((key) => parseSegmentKey(key)?.conversation_id).filter((id) => id !== undefined));
    await inLanes(owners, WIDTH, async (conversationId) => {
      tools.checkpoint();
      await tools.edge.putAgain(conversationId).catch(orAbsent);
    });
    // Also those of whom nothing was found: what they put again may just not have been there yet.
    await inLanes(conversations, WIDTH, (conversationId) => untilPut(conversationId, tools));
    for (const key of (await examineAll(conversations, tools)).owed) {
      tools.checkpoint();
      const object = await tools.bucket.read(key);
      const now = object === null ? null : await examine(object, tools);
      if (now?.kind === "owed") await tools.bucket.put(key, now.without);
    }
  }
  const { unreadable } = tools.dryRun ? found : await examineAll(conversations, tools);
  if (tools.dropUnreadable && !tools.dryRun) {
    for (const key of unreadable) await tools.bucket.delete(key);
  } else {
    tally.unreadable_objects.push(...unreadable);
  }
  tally.bucket_objects += found.owed.length;
}

async function examineAll(conversations: ReadonlySet<string>, tools: EraseTools): Promise<{ owed: string[]; unreadable: string[] }> {
  const found = { owed: [] as string[], unreadable: [] as string[] };
  for await (const page of tools.bucket.list()) {
    await inLanes(page.filter(({ key }) => mayHold(key, conversations)), WIDTH, async ({ key }) => {
      tools.checkpoint();
      const object = await tools.bucket.read(key);
      const kind = object === null ? "clean" : (await examine(object, tools)).kind;
      if (kind !== "clean") found[kind].push(key);
    });
  }
  return found;
}

async function untilPut(conversationId: string, { edge, user_id, checkpoint, now, signal }: EraseTools): Promise<void> {
  for (const deadline = now() + WAIT_MS; ;) {
    checkpoint();
    const state = await edge.eraseSender(conversationId, user_id, Number.MAX_SAFE_INTEGER, true).catch(orAbsent);
    if (state === null || state.unput + state.unreleased === 0 || now() > deadline) return;
    await pause(LOOK_MS, undefined, { signal });
  }
}

/** The files of every object that this person's content was in: their conversations, everybody who got it there, and their own. */
export async function scrubObjects({ edge, user_id, checkpoint }: EraseTools, tally: Tally): Promise<void> {
  const people = new Set([user_id]);
  const note = (name: string, scrubbed: boolean) => {
    if (!scrubbed) tally.unscrubbed.push(name);
  };
  for await (const { conversation_id } of edge.inbox(user_id)) {
    checkpoint();
    for (const user of await edge.people(conversation_id)) people.add(user);
    note(conversation_id, await edge.scrubConversation(conversation_id));
  }
  await inLanes(people, WIDTH, async (user) => {
    checkpoint();
    note(user, await edge.scrub({ user_id: user }));
  });
  note("reports", await edge.scrub({}));
}

/** The directory hears of it from the person's own object, which goes on until it has. */
export async function untilTold({ edge, user_id, checkpoint, now, signal }: EraseTools): Promise<number> {
  for (const deadline = now() + WAIT_MS; ;) {
    checkpoint();
    const { untold } = await edge.eraseUser(user_id, true);
    if (untold === 0 || now() > deadline) return untold;
    await pause(LOOK_MS, undefined, { signal });
  }
}
