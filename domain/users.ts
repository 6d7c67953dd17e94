// People: what a change makes of a profile, who is let in, and by which words somebody is found.
import type { Found, Profile, ProfilePatch } from "../protocol/users.ts";

/** Words of one person that are indexed, and characters of each. */
const WORDS = 8;
const WORD_UNITS = 32;

export function decideProfile(profile: Profile, patch: ProfilePatch): Profile {
  const given = Object.entries(patch).filter(([, value]) => value !== undefined);
  return { ...profile, ...Object.fromEntries(given) };
}

export interface AccessState {
  deactivated_at: number | null;
  /** s since 1970 */
  revoked_before: number;
}

/** @param iat when the token was issued, in seconds; absent: before any revocation */
export function decideAccess(state: AccessState, iat: number | undefined): "in" | "deactivated" | "unauthorized" {
  if (state.deactivated_at !== null) return "deactivated";
  return (iat ?? 0) < state.revoked_before ? "unauthorized" : "in";
}

/** The words of a text as they are compared: without accents and case, each cut to 32 characters. */
export function wordsOf(text: string): string[] {
  const folded = text.toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const words = folded.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== "");
  return [...new Set(words.map((word) => Array.from(word).slice(0, WORD_UNITS).join("")))];
}

/** The words by which somebody is found; none where they are not to be. */
export function indexedWords(profile: Pick<Profile, "name" | "handle">): string[] {
  return [...new Set([...wordsOf(profile.name ?? ""), ...wordsOf(profile.handle ?? "")])].slice(0, WORDS);
}

/** A word's own beginning decides its shard: two characters of ASCII, one of any other script, which have more of them. */
export function beginningOf(word: string): string {
  const [first = "", second = ""] = word;
  return first < "\u0080" ? first + second : first;
}

/**
 * The words of a search, the one that is looked up first: the longest, because fewest people have it.
 * null: too short to name a shard.
 */
export function planFind(query: string): string[] | null {
  const words = wordsOf(query).toSorted((a, b) => b.length - a.length).slice(0, WORDS);
  const [longest] = words;
  if (longest === undefined || (longest < "\u0080" && longest.length < 2)) return null;
  return words;
}

/** Does each word of the search begin one of theirs? */
export function isFound(card: Omit<Found, "user_id">, words: readonly string[]): boolean {
  const theirs = indexedWords(card);
  return words.every((word) => theirs.some((one) => one.startsWith(word)));
}

export interface HandleState {
  rev: number;
  held: boolean;
}

/**
 * May a user have a handle?
 * @param holder who has it
 * @param known what is remembered of this user and handle
 * @param rev the user's own count of changes: a claim that a later release overtook on its way comes to nothing
 */
export function decideClaim(userId: string, rev: number, holder: string | null, known: HandleState | null): "grant" | "granted" | "refuse" {
  if (holder !== null && holder !== userId) return "refuse";
  if (known === null || rev > known.rev) return "grant";
  return known.held ? "granted" : "refuse";
}
