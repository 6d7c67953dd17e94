// Reading history in pages, as a member.
import type { Shown } from "./journal.ts";
import { call, errorOf, persist } from "./rest.ts";
import { BOUNDS, type World } from "./world.ts";

export interface PageQuery {
  order?: "asc" | "desc";
  after?: number;
  limit: number;
}

/** Hands over page after page, from the first to the last. False where one can't be had, which is noted. */
export async function eachPage(world: World, userId: string, conversationId: string, query: PageQuery, take: (events: Shown[]) => void, waitForArchive = true): Promise<boolean> {
  let cursor: string | null = null;
  do {
    const page = await readPage(world, userId, conversationId, query, cursor, waitForArchive);
    if (page === null) return false;
    world.journal.counts.events_read += page.events.length;
    take(page.events);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return true;
}

/** All pages of a query together; null where one can't be had. */
export async function readPages(world: World, userId: string, conversationId: string, query: PageQuery, waitForArchive = true): Promise<Shown[] | null> {
  const events: Shown[] = [];
  const had = await eachPage(world, userId, conversationId, query, (page) => events.push(...page), waitForArchive);
  return had ? events : null;
}

async function readPage(
  { deployment, journal, violations }: World, userId: string, conversationId: string, query: PageQuery, cursor: string | null, waitForArchive: boolean,
): Promise<{ events: Shown[]; next_cursor: string | null } | null> {
  const fields = Object.entries({ ...query, cursor: cursor ?? undefined }).filter(([, value]) => value !== undefined);
  const path = `/v1/history/${conversationId}?${new URLSearchParams(fields.map(([name, value]) => [name, String(value)])).toString()}`;
  const answer = await persist(() => call(deployment, userId, "GET", path), BOUNDS.archive, waitForArchive ? ["archive_unavailable"] : []);
  const error = errorOf(answer);
  if (error === null) return answer.body as { events: Shown[]; next_cursor: string | null };
  const label = journal.labelOf(conversationId) ?? conversationId;
  if (error.code === "archive_unavailable") {
    const since = waitForArchive ? `for ${BOUNDS.archive / 1_000} s` : "while no archiver runs that could have them";
    violations.add("seam", `bodies of ${label} can't be read ${since}`, [`${userId} GET ${path}: ${JSON.stringify(answer.body)}`]);
  } else {
    violations.add("lost", `the history of ${label} can't be read by its member ${userId}: ${error.code}`, [`GET ${path}: ${JSON.stringify(answer.body)}`]);
  }
  return null;
}
