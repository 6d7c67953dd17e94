// What was made of messages after they were sent: which edits and deletions were attempted, and which were acknowledged where.
import type { Shown } from "./journal.ts";

export interface Edit {
  /** The edit's own key. */
  key: string;
  content: string;
  /** null: not acknowledged. */
  seq: number | null;
}

export interface Change {
  edits: Edit[];
  /** null: none attempted; 0: not acknowledged. */
  deleted: number | null;
}

export class Changes {
  private readonly byTarget = new Map<string, Change>();

  /** Said before it is sent, so that nobody sees it unannounced. */
  attempt(targetKey: string, kind: "edit" | "delete", key: string, content: string): void {
    const change = this.byTarget.get(targetKey) ?? { edits: [], deleted: null };
    this.byTarget.set(targetKey, change);
    if (kind === "delete") change.deleted ??= 0;
    else if (!change.edits.some((edit) => edit.key === key)) change.edits.push({ key, content, seq: null });
  }

  acknowledged(targetKey: string, kind: "edit" | "delete", key: string, seq: number): void {
    const change = this.byTarget.get(targetKey);
    if (change === undefined) return;
    if (kind === "delete") change.deleted = seq;
    for (const edit of change.edits) if (edit.key === key) edit.seq = seq;
  }

  of(targetKey: string): Change | null {
    return this.byTarget.get(targetKey) ?? null;
  }
}

/**
 * What is wrong with how a message is shown; null: nothing.
 * @param settled nothing is under way: the newest edit must be shown, and a deletion be done. Otherwise any that was attempted may be.
 */
export function shownFault(sent: string, change: Change | null, event: Shown, settled: boolean): string | null {
  const content = event.content ?? "";
  const deleted = event.deleted_at !== undefined;
  if (change === null) return deleted ? "it is shown as deleted, which nobody asked for" : differs(sent, content);
  if (deleted) return change.deleted === null ? "it is shown as deleted, which nobody asked for" : content === "" ? null : "it is deleted, and its content is shown";
  if (settled && (change.deleted ?? 0) > 0) return "it was deleted, and is shown";
  // A device that resumes is shown the deletion by its own event, which comes behind.
  if (!settled && change.deleted !== null && content === "") return null;
  if (!settled) return [sent, ...change.edits.map((edit) => edit.content)].includes(content) ? null : differs(sent, content);
  const last = change.edits.filter((edit) => edit.seq !== null).toSorted((a, b) => (a.seq ?? 0) - (b.seq ?? 0)).at(-1);
  const open = change.edits.filter((edit) => edit.seq === null).map((edit) => edit.content);
  return open.includes(content) ? null : differs(last?.content ?? sent, content);
}

function differs(expected: string, shown: string): string | null {
  if (expected === shown) return null;
  let at = 0;
  while (at < expected.length && expected[at] === shown[at]) at += 1;
  return `the content has ${shown.length} characters, and differs from character ${at} on: ${JSON.stringify(shown.slice(at, at + 20))} instead of ${JSON.stringify(expected.slice(at, at + 20))}`;
}
