// What of a message a list of hits shows: its text around the first place that was searched for.

export interface Piece {
  text: string;
  marked: boolean;
}

/** UTF-16 units before the first mark, and in all. */
const BEFORE = 40;
const MOST = 160;

export function snippetOf(content: string, highlights: readonly (readonly [number, number])[]): Piece[] {
  const first = highlights[0]?.[0] ?? 0;
  const start = first <= BEFORE ? 0 : boundary(content, first - BEFORE);
  const end = start + MOST >= content.length ? content.length : boundary(content, start + MOST);
  const pieces: Piece[] = start > 0 ? [{ text: "…", marked: false }] : [];
  let at = start;
  for (const [from, to] of highlights) {
    if (from >= end) break;
    pieces.push({ text: content.slice(at, from), marked: false }, { text: content.slice(from, Math.min(to, end)), marked: true });
    at = Math.min(to, end);
  }
  pieces.push({ text: content.slice(at, end) + (end < content.length ? "…" : ""), marked: false });
  return pieces.filter(({ text }) => text !== "");
}

/** Behind a space near by, never within a character. */
function boundary(content: string, at: number): number {
  const space = content.lastIndexOf(" ", at);
  if (space > at - 20) return space + 1;
  return (content.codePointAt(at - 1) ?? 0) > 0xffff ? at + 1 : at;
}
