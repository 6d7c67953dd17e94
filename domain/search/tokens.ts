// The words of a text as search compares them. The index holds these tokens and nothing else of a text, what is not indexed
// yet is compared by them, and highlights are their places: so one definition decides what is found, wherever it is.

export interface Token {
  text: string;
  /** Of scripts that put no spaces between words: two neighbouring characters, or the last one of a run. */
  kind: "word" | "pair" | "tail";
  /** Where it stands in the text, in UTF-16 units; `end` is behind its last one. */
  start: number;
  end: number;
}

/** Characters of a word that are compared; a longer one is found by its beginning. */
const WORD_UNITS = 64;

// Scripts without spaces between words, and Hangul, whose particles hang on the word: what is searched for may begin anywhere.
const RUNNING = String.raw`[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Bopo}\p{scx=Hang}\p{scx=Thai}\p{scx=Laoo}\p{scx=Khmr}\p{scx=Mymr}]`;
const LETTER = String.raw`[\p{L}\p{N}\p{M}]`;
const PIECE = new RegExp(String.raw`(?<word>[${LETTER}--${RUNNING}]+)|(?<run>[${LETTER}&&${RUNNING}][${LETTER}&&[${RUNNING}\p{M}]]*)|(?<sign>\p{Extended_Pictographic})`, "gv");
/** One character of a run: a syllable of Hangul that is written letter by letter, or anything with the marks behind it. */
const UNIT = /[\u1100-\u115f\ua960-\ua97f]+[\u1160-\u11a7\ud7b0-\ud7c6]*[\u11a8-\u11ff\ud7cb-\ud7fb]*|.[\p{M}\uff9e\uff9f]*/gsu;

// Marks that only accent a letter. Others, as of Hindi or Thai, are vowels.
const ACCENTS = /[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed]/gu;
const LETTERS: Readonly<Record<string, string>> = { ß: "ss", æ: "ae", œ: "oe", ø: "o", đ: "d", ð: "d", þ: "th", ł: "l", ħ: "h", ı: "i", ŋ: "n", ς: "σ" };
const SPELLED = new RegExp(`[${Object.keys(LETTERS).join("")}]`, "gu");
/** What compatibility forms hide in them, such as the brackets of ⑴: to the index they would end a token. */
const SEPARATORS = /[^a-z0-9\u0080-\u{10ffff}]/gu;

/** Without case, accents and width. */
export function fold(text: string): string {
  // Most text is ASCII, and folding is most of the work.
  if (/^[a-z0-9]*$/u.test(text)) return text;
  return text.normalize("NFKD").toLowerCase().replace(ACCENTS, "").replace(SPELLED, (letter) => LETTERS[letter] as string).normalize("NFC").replace(SEPARATORS, "");
}

export function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  for (const match of text.matchAll(PIECE)) {
    const [piece] = match;
    if (match.groups?.["run"] !== undefined) addRun(tokens, piece, match.index);
    else add(tokens, cut(fold(piece)), "word", match.index, match.index + piece.length);
  }
  return tokens;
}

function addRun(tokens: Token[], run: string, at: number): void {
  const units = Array.from(run.matchAll(UNIT), (match) => ({ text: fold(match[0]), start: at + match.index, end: at + match.index + match[0].length }))
    .filter((unit) => unit.text !== "");
  units.forEach((unit, i) => {
    const next = units[i + 1];
    if (next === undefined) add(tokens, unit.text, "tail", unit.start, unit.end);
    else add(tokens, unit.text + next.text, "pair", unit.start, next.end);
  });
}

function add(tokens: Token[], text: string, kind: Token["kind"], start: number, end: number): void {
  if (text !== "") tokens.push({ text, kind, start, end });
}

/** Never within a character. */
function cut(word: string): string {
  return word.length <= WORD_UNITS ? word : Array.from(word).slice(0, WORD_UNITS).join("");
}
