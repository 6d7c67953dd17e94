// What somebody searches for: words, words* that begin so, and "phrases". All of it must be there.
import { SEARCH_PREFIXES, SEARCH_TERMS, SEARCH_TOKENS } from "../../protocol/limits.ts";
import { type Token, tokensOf } from "./tokens.ts";

/** Tokens that stand one behind the other. `prefix`: the last one need only begin so. */
export interface Term {
  tokens: string[];
  prefix: boolean;
}

export interface Query {
  terms: Term[];
  /** All of it as one phrase of whole words. */
  phrase: Term;
}

export type ParsedQuery = { ok: true; query: Query } | { ok: false; message: string };

// A quoted phrase, also one that nobody has closed, or anything without spaces; a * behind it asks for what begins so.
const PART = /["“”„](?<phrase>[^"“”„]*)["“”„]?(?<open>\*)?|[^\s"“”„]+/gu;

export function parseQuery(text: string): ParsedQuery {
  const parts = Array.from(text.matchAll(PART), ({ 0: part, groups }) => ({
    tokens: tokensOf(groups?.["phrase"] ?? part), asked: groups?.["open"] !== undefined || (groups?.["phrase"] === undefined && part.endsWith("*")),
  })).filter(({ tokens }) => tokens.length > 0);
  const tokens = parts.flatMap((part) => part.tokens);
  if (tokens.length === 0) return { ok: false, message: "q: there is no word in it" };
  if (parts.length > SEARCH_TERMS || tokens.length > SEARCH_TOKENS) return { ok: false, message: "q: too many words" };
  if (parts.some((part) => part.asked && isLetter(part.tokens.at(-1)))) return { ok: false, message: "q: give two letters before *" };
  const terms = parts.map((part) => termOf(part.tokens, part.asked));
  // Each looks through all words that begin so.
  if (terms.filter(({ prefix }) => prefix).length > SEARCH_PREFIXES) return { ok: false, message: "q: too many beginnings" };
  return { ok: true, query: { terms, phrase: termOf(tokens, false) } };
}

function isLetter(token: Token | undefined): boolean {
  return token?.kind === "word" && Array.from(token.text).length < 2;
}

/** What of a run stands at the end of a term may go on in the text: its last character says nothing more, unless it is alone. */
function termOf(tokens: readonly Token[], asked: boolean): Term {
  const texts = tokens.map(({ text }) => text);
  const [before, last] = [tokens.at(-2), tokens.at(-1)];
  if (last?.kind !== "tail") return { tokens: texts, prefix: asked };
  return before?.kind === "pair" ? { tokens: texts.slice(0, -1), prefix: false } : { tokens: texts, prefix: true };
}
