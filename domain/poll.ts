// What a device that polls is given: what waits for it, bounded, and where the heads are of everything else.
import type { Head } from "../protocol/frames/sync.ts";
import { POLL_FRAMES, POLL_UNITS, RESUME_CURSORS } from "../protocol/limits.ts";

/** Encoded frames for one device: a frame, or a JSON array of `frames` of them. */
export interface Waiting {
  json: string;
  frames: number;
  /** The newest event in it; null for what is no event. */
  head: Head | null;
}

/**
 * Holds what comes between two polls. Where that is too much, the events give way to their heads, and the client pulls; frames
 * that are no events are told again by whatever they speak of.
 */
export class PollQueue {
  private waiting: Waiting[] = [];
  private frames = 0;
  private units = 0;
  private heads = new Map<string, Head>();

  get isEmpty(): boolean {
    return this.waiting.length === 0 && this.heads.size === 0;
  }

  add(item: Waiting): void {
    this.waiting.push(item);
    this.frames += item.frames;
    this.units += item.json.length;
    if (this.frames > POLL_FRAMES || this.units > POLL_UNITS) this.giveWay();
  }

  /** There is something behind this head that does not wait here. */
  lost(head: Head): void {
    const known = this.heads.get(head.conversation_id);
    if (known !== undefined && !isBehind(known, head)) return;
    // Beyond this, what has changed is named as it settles.
    if (known === undefined && this.heads.size >= RESUME_CURSORS) return;
    this.heads.set(head.conversation_id, head);
  }

  /** Everything, and nothing is left. */
  take(): { waiting: Waiting[]; heads: Head[] } {
    const taken = { waiting: this.waiting, heads: [...this.heads.values()] };
    this.heads = new Map();
    this.clear();
    return taken;
  }

  private giveWay(): void {
    for (const { head } of this.waiting) if (head !== null) this.lost(head);
    this.clear();
  }

  private clear(): void {
    this.waiting = [];
    this.frames = 0;
    this.units = 0;
  }
}

/**
 * The heads that an answer must name: of all that changed since the client's last answer, and of what gave way, less what the
 * answer itself brings up to its head. A client that lacks something before that sees the jump in seq.
 */
export function planHeads(changed: readonly Head[], lost: readonly Head[], brought: readonly Waiting[]): Head[] {
  const newest = new Map<string, Head>();
  for (const head of [...changed, ...lost]) {
    const known = newest.get(head.conversation_id);
    if (known === undefined || isBehind(known, head)) newest.set(head.conversation_id, head);
  }
  for (const { head } of brought) {
    const named = head === null ? undefined : newest.get(head.conversation_id);
    if (head !== null && named !== undefined && !isBehind(head, named)) newest.delete(head.conversation_id);
  }
  return [...newest.values()];
}

function isBehind(one: Head, other: Head): boolean {
  return one.epoch < other.epoch || (one.epoch === other.epoch && one.head_seq < other.head_seq);
}

/** The JSON of an answer's frames, one behind the other. */
export function joinWaiting(waiting: readonly Waiting[]): string[] {
  return waiting.map(({ json }) => (json.startsWith("[") ? json.slice(1, -1) : json));
}
