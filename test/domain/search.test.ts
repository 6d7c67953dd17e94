// What is a word, what is searched for, and what fits: by examples of many scripts, and by the index itself, which must find
// exactly what is found without it.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fits, highlightsOf, TIERS, tiersOf } from "../../domain/search/match.ts";
import { parseQuery, type Query } from "../../domain/search/query.ts";
import { fold, tokensOf } from "../../domain/search/tokens.ts";
import { matchExpression, senderToken } from "../../durable-objects/conversation/search/expression.ts";
import { SEARCH_INDEX } from "../../migrations/conversation/search.ts";
import { SEARCH_PREFIXES, SEARCH_TERMS, SEARCH_TOKENS } from "../../protocol/limits.ts";
import { nodeSql } from "../durable-objects/sqlite.ts";

const texts = (text: string): string[] => tokensOf(text).map((token) => token.text);

function queryOf(q: string): Query {
  const parsed = parseQuery(q);
  if (!parsed.ok) throw new Error(`${q}: ${parsed.message}`);
  return parsed.query;
}

const finds = (q: string, text: string): boolean => fits(queryOf(q), ["all"], texts(text)) !== null;
const marked = (q: string, text: string): string[] => highlightsOf(queryOf(q), text).map(([start, end]) => text.slice(start, end));

describe("[B2] words are compared without case, accents and width", () => {
  test.each([
    ["Hello, World!", ["hello", "world"]],
    ["Café CAFE\u0301 naïve", ["cafe", "cafe", "naive"]],
    ["Straße STRASSE ẞ", ["strasse", "strasse", "ss"]],
    ["Łódź Øre Ærø İstanbul ılık", ["lodz", "ore", "aero", "istanbul", "ilik"]],
    ["ΣΊΣΥΦΟΣ Ёлка", ["σισυφοσ", "елка"]],
    ["ＡＢＣ１２３ ﬁn ⑴", ["abc123", "fin", "1"]],
    ["don't a@b.com snake_case 3.14", ["don", "t", "a", "b", "com", "snake", "case", "3", "14"]],
    ["हिन्दी की", ["हिन्दी", "की"]],
    ["مُحَمَّد שָׁלוֹם", ["محمد", "שלום"]],
    ["ok 👍👍", ["ok", "👍", "👍"]],
    ["", []], ["  … !? \u0000 \ud800", []],
  ])("%j", (text, words) => expect(texts(text)).toEqual(words));

  test("of scripts without spaces every pair of neighbours is a token, and the last character is one", () => {
    expect(texts("我喜欢你")).toEqual(["我喜", "喜欢", "欢你", "你"]);
    expect(texts("iPhone手机")).toEqual(["iphone", "手机", "机"]);
    expect(texts("ｶﾞｷﾞ ガギ")).toEqual(["ガギ", "ギ", "ガギ", "ギ"]);
    expect(texts("\u1112\u1161\u11ab\u1100\u1173\u11af 한글")).toEqual(["한글", "글", "한글", "글"]);
  });

  test("a token is never parted by the index: none holds one of its separators", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 40 }), (text) => {
      for (const token of tokensOf(text)) {
        expect(token.text).toMatch(/^[a-z0-9\u0080-\u{10ffff}]+$/u);
        expect(text.slice(token.start, token.end)).not.toBe("");
        expect(fold(text.slice(token.start, token.end)).startsWith(token.text)).toBe(true);
      }
    }));
  });
});

test("[B2] [C12] how near words are in a text is found in the time that its length takes, however often they are there", () => {
  const far = `b ${"x ".repeat(20)}`;
  for (const [q, text, tier] of [["a b", `${far}${"a ".repeat(30_000)}`, "all"], ["b a", `${"a ".repeat(30_000)}${"x ".repeat(20)} b`, "all"], ["a b", `${far}${"a ".repeat(30_000)}x b`, "near"]] as const) {
    const tokens = texts(text);
    const began = performance.now();
    expect(fits(queryOf(q), TIERS, tokens)).toBe(tier);
    expect(performance.now() - began).toBeLessThan(1_000);
  }
});

describe("[B2] what is searched for", () => {
  test.each([
    ["hello", "Hello world", true], ["hell", "hello", false], ["hell*", "hello", true], ["world hello", "hello, world", true],
    ["\"hello world\"", "hello world", true], ["\"world hello\"", "hello world", false], ["\"hello wor\"*", "hello world", true],
    ["“hello world”", "Hello, World", true], ["\"hello world", "hello world", true], ["a@b.com", "mail a@b.com", true], ["a@b.com", "b.com a", false],
    ["cafe", "CAFÉ", true], ["CAFÉ", "cafe", true], ["喜欢", "我喜欢你", true], ["欢", "我喜欢你", true], ["你", "我喜欢你", true],
    ["喜你", "我喜欢你", false], ["我喜欢你", "我喜欢你", true], ["欢你我", "我喜欢你", false], ["手机", "iPhone手机壳", true], ["\"欢你 hello\"", "我喜欢你 hello", true],
    ["の", "日本の首都", true], ["サッカー", "昨日のサッカーは", true], ["สวัสดี", "เขาบอกว่าสวัสดีครับ", true], ["학교", "학교에서", true],
  ])("%j in %j: %s", (q, text, is) => expect(finds(q, text)).toBe(is));

  test("words of every form are marked where they stand", () => {
    expect(marked("cafe hell*", "A Café, hello!")).toEqual(["Café", "hello"]);
    expect(marked("\"big cat\"", "a big cat, big dog")).toEqual(["big cat"]);
    expect(marked("喜欢", "我喜欢你")).toEqual(["喜欢"]);
    expect(marked("喜", "我喜欢你喜")).toEqual(["喜", "喜"]);
    expect(marked("aa ab", "aa ab 👍")).toEqual(["aa", "ab"]);
    expect(highlightsOf(queryOf("x1"), "😀 x1")).toEqual([[3, 5]]);
  });

  test.each([
    ["nothing", ["", "  ", "!?", "\"\"", "*", "\u0000"]],
    ["one letter and a star", ["a*", "\"big b\"*"]],
    ["too many terms", [Array.from({ length: SEARCH_TERMS + 1 }, (_, i) => `w${i}`).join(" "), "字".repeat(SEARCH_TOKENS + 1), Array.from({ length: SEARCH_PREFIXES + 1 }, (_, i) => `w${i}*`).join(" ")]],
  ])("is refused with a reason: %s", (_what, queries) => {
    for (const q of queries) expect(parseQuery(q)).toMatchObject({ ok: false, message: expect.stringMatching(/^q: /u) as unknown });
  });
});

test("[B2] the best is all of it as one phrase, then near together, then somewhere; of one whole word there is no better", () => {
  const query = queryOf("big cat*");
  const tierOf = (text: string) => fits(query, tiersOf(query), texts(text));
  const far = Array.from({ length: 12 }, (_, i) => `w${i}`).join(" ");
  expect([tierOf("a big cat"), tierOf("big cats"), tierOf("cats are big"), tierOf(`big ${far} cats`), tierOf("big")]).toEqual(["phrase", "near", "near", "all", null]);
  expect(tiersOf(queryOf("cat"))).toEqual(["all"]);
  expect(tiersOf(queryOf("cat*"))).toEqual(["phrase", "all"]);
});

const WORDS = ["a", "b", "aa", "ab", "abc", "Ä", "ä", "和", "日本", "日本語", "本", "語", "x".repeat(70), "👍", "é"];
const text = fc.array(fc.tuple(fc.constantFrom(...WORDS), fc.constantFrom(" ", " ", "", ", ", "\n")), { maxLength: 30 }).map((parts) => parts.flat().join(""));
const asked = fc.array(fc.tuple(fc.constantFrom(...WORDS), fc.constantFrom("", "*", "\"")), { minLength: 1, maxLength: 4 })
  .map((parts) => parts.map(([word, how]) => (how === "\"" ? `"${word} a"` : `${word}${how}`)).join(" "));

/** Which of the texts the index finds in each tier, by place. */
function indexed(contents: readonly string[], query: Query): Map<number, string> {
  const sql = nodeSql();
  sql.run(SEARCH_INDEX);
  contents.forEach((content, i) => sql.run("INSERT INTO words (rowid, content, sender) VALUES (?, ?, ?)", i + 1, texts(content).join(" "), senderToken(i % 2 === 0 ? "Ann" : "ann")));
  const tiers = tiersOf(query);
  return new Map(tiers.flatMap((tier) => sql.all("SELECT rowid FROM words WHERE words MATCH ?", matchExpression(query, tier, tiers, null))
    .map((row): [number, string] => [(row["rowid"] as number) - 1, tier])));
}

test("[B2] the index finds what is found without it, and ranks it the same", () => {
  fc.assert(fc.property(fc.array(text, { minLength: 1, maxLength: 12 }), asked, (contents, q) => {
    const parsed = parseQuery(q);
    fc.pre(parsed.ok);
    const { query } = parsed;
    const wanted = new Map(contents.flatMap((content, i) => {
      const tier = fits(query, tiersOf(query), texts(content));
      return tier === null ? [] : [[i, tier] as const];
    }));
    expect(indexed(contents, query)).toEqual(wanted);
  }), { numRuns: 300 });
});

test("[B2] what a user types is no expression: whatever it is, the index takes what is made of it, and it means words", () => {
  const sql = nodeSql();
  sql.run(SEARCH_INDEX);
  sql.run("INSERT INTO words (rowid, content, sender) VALUES (1, 'and or not near content sender a b', ?)", senderToken("ann"));
  const run = (q: string): number | string => {
    const parsed = parseQuery(q);
    if (!parsed.ok) return parsed.message;
    return TIERS.filter((tier) => tiersOf(parsed.query).includes(tier))
      .flatMap((tier) => sql.all("SELECT rowid FROM words WHERE words MATCH ?", matchExpression(parsed.query, tier, tiersOf(parsed.query), "ann"))).length;
  };
  expect(run("a AND b")).toBe(1);
  expect(run("a NOT b")).toBe(1);
  expect(run("a OR zzz")).toBe(0);
  expect(run("NEAR( a b )")).toBe(1);
  expect(run("content : a")).toBe(1);
  expect(run("sender:u616e6e")).toBe(0);
  expect(run("^a + b - (a)")).toBe(1);
  const nasty = fc.array(fc.oneof(fc.string({ unit: "binary", maxLength: 8 }), fc.constantFrom("AND", "OR", "NOT", "NEAR(", "\"", "*", "^", "(", ")", "{", "}", ":", "-", "+", "content:", "a", "日本")), { maxLength: 20 });
  fc.assert(fc.property(nasty, (parts) => {
    expect(["number", "string"]).toContain(typeof run(parts.join(" ")));
  }), { numRuns: 500 });
});
