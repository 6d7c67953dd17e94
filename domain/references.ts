// The references of messages to a content, and when the content goes. A reference is claimed before the message is appended; it
// stands once the message's conversation has said so, and goes only when no append can come any more that would stand on it.

/** How long after a claim its message may be appended. */
export const CLAIM_MS = 10 * 60_000;
/** A claim that has taken longer than this is worth no append. */
export const CLAIMING_MS = 5 * 60_000;
/** Clocks of two objects differ: a conversation is asked this long after the last append that it would take. */
export const ASK_AFTER_MS = 5 * 60_000;
/** A conversation that is not there may be one that lost its storage: it is asked again for this long before its word counts. */
export const ABSENT_MS = 7 * 24 * 3_600_000;
const ABSENT_AGAIN_MS = 12 * 3_600_000;

export interface Reference {
  /** Counts the claims of the same message: what was asked before the newest says nothing of it. */
  claim: number;
  /** ms of the newest claim */
  claimed_at: number;
  /** ms when its conversation is to be asked; null: it stands. */
  ask_at: number | null;
}

/** @param prior the reference, where the same message was claimed before */
export function decideClaim(prior: Reference | null, now: number): Reference {
  return { claim: (prior?.claim ?? 0) + 1, claimed_at: now, ask_at: now + CLAIM_MS + ASK_AFTER_MS };
}

/** ms until when a claim's message may be appended; null: too late, it has to be claimed again. */
export function appendableUntil({ claimed_at }: Pick<Reference, "claimed_at">, now: number): number | null {
  return now - claimed_at > CLAIMING_MS ? null : claimed_at + CLAIM_MS;
}

/** Somebody says that the message is gone: its conversation is asked, once nothing can be on its way to it. */
export function decideDoubt({ claim, claimed_at }: Reference, now: number): Reference {
  return { claim, claimed_at, ask_at: Math.max(now, claimed_at + CLAIM_MS + ASK_AFTER_MS) };
}

export type Word = "stands" | "gone" | "absent";

/**
 * @param reference as it is now, @param asked as it was when its conversation was asked
 * @returns null: nothing changes. Otherwise what it becomes, `gone` for nothing.
 */
export function decideWord(reference: Reference | null, asked: Reference, word: Word, now: number): Reference | "gone" | null {
  if (reference === null || reference.claim !== asked.claim) return null;
  if (word === "stands") return { ...reference, ask_at: null };
  if (word === "gone" || now - reference.claimed_at > ABSENT_MS) return "gone";
  return { ...reference, ask_at: now + ABSENT_AGAIN_MS };
}

/** ms when a content goes that nothing has referred to since `idle_since`; null while something does. */
export function decideRemoval(idle_since: number | null, graceMs: number): number | null {
  return idle_since === null ? null : idle_since + graceMs;
}

/** ms when a conversation that did not answer is asked again. */
export function decideAskAgain({ claimed_at }: Reference, now: number): number {
  return now + Math.min(Math.max((now - claimed_at) / 4, ASK_AFTER_MS), ABSENT_AGAIN_MS);
}
