// Brings a hold, or its release, to the files of messages: conversation by conversation, part by part. Done twice it changes nothing.
import type { MediaHold } from "../protocol/media-keeping.ts";
import { Absent } from "./asking.ts";
import type { MediaEdge } from "./media-edge.ts";
import type { PeopleEdge } from "./people-edge.ts";
import type { HoldKind } from "./stores/holds.ts";
import type { ArchiveStore } from "./stores/store.ts";

export interface MediaHoldingTools {
  store: Pick<ArchiveStore, "conversationsOf">;
  media: Pick<MediaEdge, "hold">;
  people: Pick<PeopleEdge, "inbox">;
  /** Called with each part; throws to stop. */
  progress: (conversationId: string, files: number) => void;
}

/** @returns how many files of conversations it is about now: one that two of them carry counts for both */
export async function holdFiles(kind: HoldKind, id: string, held: boolean, tools: MediaHoldingTools): Promise<number> {
  const hold: MediaHold = { kind, id };
  let files = 0;
  for (const conversation_id of kind === "conversation" ? [id] : await conversationsOf(id, tools)) {
    for (let after: number | null = 0; after !== null;) {
      const part: Awaited<ReturnType<MediaEdge["hold"]>> = await tools.media.hold({ conversation_id, hold, held, after });
      // Its storage is gone, or it never was here.
      if (part === null) break;
      files += part.contents;
      after = part.next;
      tools.progress(conversation_id, files);
    }
  }
  return files;
}

/** Those of their list, and others that the archive has something of theirs of. */
async function conversationsOf(userId: string, { store, people }: MediaHoldingTools): Promise<Set<string>> {
  const conversations = new Set<string>();
  try {
    for await (const row of people.inbox(userId)) conversations.add(row.conversation_id);
  } catch (error) {
    if (!(error instanceof Absent)) throw error;
  }
  for await (const conversationId of store.conversationsOf(userId, null)) conversations.add(conversationId);
  return conversations;
}
