// What a user's list of conversations keeps of each: pure decisions over its rows.
import type { LastMessage } from "../protocol/frames/inbox.ts";
import { MENTIONS_KEPT, PREVIEW_UNITS } from "../protocol/limits.ts";

/** The first PREVIEW_UNITS characters of a content; a surrogate pair is never cut in two. */
export function decidePreview(content: string): string {
  return content.slice(0, PREVIEW_UNITS + (isLead(content.charCodeAt(PREVIEW_UNITS - 1)) ? -1 : 0));
}

function isLead(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

/** Seqs that mention the user and are not read, ascending; the newest MENTIONS_KEPT. */
export function mergeMentions(known: readonly number[], found: readonly number[], readSeq: number): number[] {
  return [...new Set([...known, ...found])].filter((seq) => seq > readSeq).toSorted((a, b) => a - b).slice(-MENTIONS_KEPT);
}

/**
 * The newest message after a settle. One whose body the conversation has pruned keeps the preview that the row has.
 * @param told undefined: the settle says nothing of it
 */
export function mergeLast(known: LastMessage | null, told: LastMessage | null | undefined): LastMessage | null {
  if (told === undefined) return known;
  if (told === null || known === null || known.seq !== told.seq || told.preview !== null || told.deleted === true) return told;
  return { ...told, preview: known.preview };
}
