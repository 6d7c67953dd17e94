// What becomes of an object of the store of files, from what its content's Blob knows. Nothing goes that a message may lead to.
import type { Fate, MediaKept } from "../protocol/media-keeping.ts";

/** An object as it was listed. */
export interface Found {
  /** Below `h/`. */
  held: boolean;
  generation: number;
  /** ms, by the store's clock */
  age: number;
}

/** What is known of the content. Ages in ms, by the Blob's clock. */
export interface Known {
  generation: number;
  state: "noted" | "copied" | "retired";
  /** Since its object was last written. */
  age: number;
  /** Since nothing refers to it; null while something does. */
  idle: number | null;
  /** A claim is under way. */
  claiming: boolean;
  /** Of its object below `h/`. */
  heldGeneration: number | null;
}

/** @param leaving the Blob has it among those that it removes @param known null: there is no such content */
export function decideFate(found: Found, leaving: boolean, known: Known | null, { retention_ms, grace_ms }: Pick<MediaKept, "retention_ms" | "grace_ms">): Fate {
  if (leaving) return "unreferenced";
  const nobodys = found.age < grace_ms ? "young" : "unknown";
  if (known === null) return nobodys;
  if (found.held) return found.generation === known.heldGeneration ? "held" : nobodys;
  if (found.generation !== known.generation || known.state === "retired") return nobodys;
  if (known.claiming) return "referenced";
  if (known.idle !== null) return known.idle < grace_ms ? "young" : "unreferenced";
  if (known.heldGeneration !== null) return "held";
  // Whoever sent it since had it written again.
  return known.state === "copied" && known.age > retention_ms ? "expired" : "referenced";
}

export function goes(fate: Fate): boolean {
  return fate === "expired" || fate === "unreferenced" || fate === "unknown";
}
