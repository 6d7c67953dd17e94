// The numbers that a device gives its messages: they commit in their order, as far as waiting can bring it about.

/**
 * `gap`: numbers before it are missing, and it goes in all the same. A number at or below the last one is late and commits
 * as it comes; the first number seen sets the start.
 * @param last the greatest number committed of this device in this conversation; null for none
 * @param force it has waited long enough
 */
export function decideNumber(last: number | null, number: number, force: boolean): "turn" | "early" | "gap" {
  if (last === null || number <= last + 1) return "turn";
  return force ? "gap" : "early";
}
