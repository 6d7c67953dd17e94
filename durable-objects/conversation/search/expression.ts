// The MATCH expression of a query. Made of tokens alone, which are letters and digits: what a user types never gets here.
import { NEAR_WORDS, type Tier } from "../../../domain/search/match.ts";
import type { Query, Term } from "../../../domain/search/query.ts";

/** What fits this tier and no better one. */
export function matchExpression(query: Query, tier: Tier, tiers: readonly Tier[], senderId: string | null): string {
  const better = tiers[tiers.indexOf(tier) - 1];
  const wanted = senderId === null ? fitting(query, tier) : `(${fitting(query, tier)} AND sender : ${quoted(senderToken(senderId))})`;
  return better === undefined ? wanted : `${wanted} NOT ${fitting(query, better)}`;
}

function fitting({ terms, phrase }: Query, tier: Tier): string {
  switch (tier) {
    case "phrase": return `content : (${termExpression(phrase)})`;
    case "near": return `content : (NEAR(${terms.map(termExpression).join(" ")}, ${NEAR_WORDS}))`;
    case "all": return `content : (${terms.map(termExpression).join(" AND ")})`;
  }
}

function termExpression({ tokens, prefix }: Term): string {
  return `${quoted(tokens.join(" "))}${prefix ? " *" : ""}`;
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}

/** A user's id as one token: to the tokenizer its signs would be separators, and its letters had no case. */
export function senderToken(userId: string): string {
  return `u${Buffer.from(userId).toString("hex")}`;
}
