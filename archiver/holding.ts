// Brings a hold, or its release, to the rows that are there: conversation by conversation, bucket by bucket, page by
// page. Where it is stopped it goes on when it is asked for again; done twice it changes nothing.
import type { Hold, HoldKind } from "./stores/holds.ts";
import type { ArchiveStore } from "./stores/store.ts";

/** Rows in memory at once. */
const PAGE_ROWS = 100;
/** Pages between notes of where the work stands. */
const NOTE_PAGES = 20;

export interface HoldingTools {
  store: ArchiveStore;
  /** ms */
  now: () => number;
  /** Brings it to the files of messages, once it is noted and before it counts as whole. */
  files?: (held: boolean) => Promise<void>;
  /** Called with each page, and while rows of older programs are looked through; throws to stop. */
  progress: (hold: Pick<Hold, "kind" | "id" | "state" | "rows" | "place">) => void;
}

async function noted(store: ArchiveStore, kind: HoldKind, id: string): Promise<Hold | null> {
  return (await store.holds()).find((hold) => hold.kind === kind && hold.id === id) ?? null;
}

/** Holds all rows and files of a conversation, or all that a user sent: those that are there, and those that come. @returns rows changed */
export async function hold(kind: HoldKind, id: string, reason: string | null, tools: HoldingTools): Promise<number> {
  const { store, now } = tools;
  const before = await noted(store, kind, id);
  // Of one that was stopped the work goes on; one that is whole is gone through again.
  const fresh: Hold = { kind, id, reason, created_at: now(), state: "applying", place: null, rows: 0 };
  const standing: Hold = before === null || before.state === "releasing" ? fresh
    : before.state === "held" ? { ...before, reason: reason ?? before.reason, state: "applying", place: null, rows: 0 }
      : { ...before, reason: reason ?? before.reason };
  await store.commitHold(standing);
  const rows = await settle(standing, tools);
  await tools.files?.(true);
  await store.commitHold({ ...standing, state: "held", place: null, rows });
  return rows;
}

/** Gives every row and file its end again that nothing else holds. @returns rows changed; null where there was no such hold */
export async function release(kind: HoldKind, id: string, tools: HoldingTools): Promise<number | null> {
  const { store } = tools;
  const before = await noted(store, kind, id);
  if (before === null) return null;
  const standing: Hold = before.state === "releasing" ? before : { ...before, state: "releasing", place: null, rows: 0 };
  await store.commitHold(standing);
  const rows = await settle(standing, tools);
  await tools.files?.(false);
  await store.removeHold(kind, id);
  return rows;
}

async function* conversationsOf({ kind, id, place, state, rows }: Hold, { store, progress }: HoldingTools): AsyncGenerator<string> {
  if (kind === "conversation") {
    yield id;
    return;
  }
  await store.completeSenders(() => progress({ kind, id, state, rows, place }));
  yield* store.conversationsOf(id, place?.conversation_id ?? null);
}

async function settle(standing: Hold, tools: HoldingTools): Promise<number> {
  const { store, progress } = tools;
  let rows = standing.rows;
  let pages = 0;
  let place = standing.place;
  let from = standing.place;
  for await (const conversation_id of conversationsOf(standing, tools)) {
    const resumed = from?.conversation_id === conversation_id ? from : null;
    from = null;
    if (standing.kind === "user") await store.keepSender(standing.id, conversation_id, standing.state === "applying");
    for (const bucket of await store.buckets(conversation_id)) {
      if (resumed !== null && bucket < resumed.bucket) continue;
      let after: string | null = resumed?.bucket === bucket ? resumed.message_id : null;
      do {
        const page = await store.settlePage(conversation_id, bucket, after, PAGE_ROWS);
        rows += page.changed;
        pages += 1;
        after = page.last;
        if (after !== null) place = { conversation_id, bucket, message_id: after };
        const now: Hold = { ...standing, rows, place };
        try {
          progress(now);
        } catch (stop) {
          await store.commitHold(now);
          throw stop;
        }
        if (pages % NOTE_PAGES === 0) await store.commitHold(now);
      } while (after !== null);
    }
  }
  return rows;
}
