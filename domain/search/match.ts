// Whether a text has what is searched for, how well, and where: for texts that no index holds yet, and for highlights.
import { HIGHLIGHTS } from "../../protocol/limits.ts";
import type { Query, Term } from "./query.ts";
import { type Token, tokensOf } from "./tokens.ts";

/** How well a text fits, the best first: all of it as one phrase, its terms near one another, all of them somewhere. */
export const TIERS = ["phrase", "near", "all"] as const;
export type Tier = (typeof TIERS)[number];

/** Words between the terms of what is near. */
export const NEAR_WORDS = 10;

/** The tiers that can differ for a query: of one whole word there is no better or worse. */
export function tiersOf({ terms: [first, ...others] }: Query): Tier[] {
  if (others.length > 0) return ["phrase", "near", "all"];
  return first?.prefix === true ? ["phrase", "all"] : ["all"];
}

/** The best tier that fits; null where not all of it is there. */
export function fits(query: Query, tiers: readonly Tier[], tokens: readonly string[]): Tier | null {
  const places = query.terms.map((term) => placesOf(term, tokens));
  if (places.some((list) => list.length === 0)) return null;
  const holds: Record<Tier, () => boolean> = {
    phrase: () => placesOf(query.phrase, tokens).length > 0,
    near: () => isNear(query.terms, places),
    all: () => true,
  };
  return tiers.find((tier) => holds[tier]()) ?? null;
}

/** Where the terms stand in a text, ascending and apart: [start, end) in UTF-16 units. */
export function highlightsOf(query: Query, text: string): [number, number][] {
  const tokens = tokensOf(text);
  const texts = tokens.map(({ text: token }) => token);
  const merged: [number, number][] = [];
  for (let at = 0; at < texts.length; at += 1) {
    for (const term of query.terms) {
      if (!standsAt(term, texts, at)) continue;
      const [start, end] = spanOf(term, tokens, at);
      const last = merged.at(-1);
      if (last !== undefined && start <= last[1]) last[1] = Math.max(last[1], end);
      else if (merged.length === HIGHLIGHTS) return merged;
      else merged.push([start, end]);
    }
  }
  return merged;
}

/** Of one character in a run that goes on only itself: its neighbour is no part of what was asked for. */
function spanOf(term: Term, tokens: readonly Token[], place: number): [number, number] {
  const [first, last] = [tokens[place] as Token, tokens[place + term.tokens.length - 1] as Token];
  const next = tokens[place + term.tokens.length];
  return [first.start, term.prefix && last.kind === "pair" && next !== undefined ? next.start : last.end];
}

/** The places at which a term begins. */
function placesOf(term: Term, tokens: readonly string[]): number[] {
  const places: number[] = [];
  for (let at = 0; at < tokens.length; at += 1) if (standsAt(term, tokens, at)) places.push(at);
  return places;
}

function standsAt({ tokens: wanted, prefix }: Term, tokens: readonly string[], at: number): boolean {
  return wanted.every((text, i) => {
    const token = tokens[at + i];
    return prefix && i === wanted.length - 1 ? token?.startsWith(text) === true : token === text;
  });
}

/** As FTS5 understands NEAR: from the end of each term at most NEAR_WORDS to the beginning of the last one. */
function isNear(terms: readonly Term[], places: readonly number[][]): boolean {
  /** Of each term, how many of its places were passed: each is looked at once, or a text of one word would take hours. */
  const passed = terms.map(() => 0);
  return places.flat().toSorted((a, b) => a - b).some((last) => terms.every((term, i) => {
    const own = places[i] as readonly number[];
    while ((own[passed[i] as number] ?? Number.POSITIVE_INFINITY) <= last) (passed[i] as number) += 1;
    const place = own[(passed[i] as number) - 1];
    return place !== undefined && place >= last - term.tokens.length - NEAR_WORDS;
  }));
}
