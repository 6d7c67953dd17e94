// Which conversations a search goes through, run by run: the last active first.
import type { Searchable, SearchableCall } from "../../protocol/rpc/search.ts";
import type { SessionStore } from "./store.ts";

export function listSearchable(store: SessionStore, { after, limit, since }: SearchableCall): Searchable {
  const run = store.readInboxPage(after, limit);
  const last = run.at(-1);
  // One that became active while the search went on has left its place behind it: rather twice than never.
  const moved = since === null ? [] : store.readActiveSince(since, limit);
  return {
    conversations: [...new Set([...run, ...moved].map(({ conversation_id }) => conversation_id))],
    next: last === undefined || run.length < limit ? null : { last_at: last.last_at, conversation_id: last.conversation_id },
  };
}
