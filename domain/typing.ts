// How often typing is passed on, whatever a client sends.
import { TYPING_EVERY_MS } from "../protocol/limits.ts";

/** The last `typing` of somebody that was passed on. `at`: ms from which the next `on` is counted. */
export interface LastTyping {
  at: number;
  on: boolean;
}

/** A client that keeps the pace exactly is early as often as it is late. */
const EARLY_MS = 250;

/** What is remembered after this one is passed on; null: it is not. `on` at most every TYPING_EVERY_MS, `off` once after each. */
export function decideTyping(last: LastTyping | null, on: boolean, now: number): LastTyping | null {
  if (!on) return last?.on === true ? { at: last.at, on } : null;
  // A clock that was set back must not silence anybody.
  if (last === null || last.at > now + TYPING_EVERY_MS) return { at: now, on };
  const due = last.at + TYPING_EVERY_MS;
  return now >= due - EARLY_MS ? { at: Math.max(now, due), on } : null;
}

/** How often typing of all members was shown in the present stretch of TYPING_EVERY_MS, which began at `since`. */
export interface TypingBudget {
  since: number;
  spent: number;
}

/**
 * In a large group that many look at only the first few typists are shown; null: not this one.
 * @param most shows in TYPING_EVERY_MS; one typist may always be shown
 */
export function decideShown(budget: TypingBudget, viewers: number, most: number, now: number): TypingBudget | null {
  const fresh = now - budget.since >= TYPING_EVERY_MS || now < budget.since;
  const { since, spent } = fresh ? { since: now, spent: 0 } : budget;
  return spent === 0 || spent + viewers <= most ? { since, spent: spent + viewers } : null;
}
