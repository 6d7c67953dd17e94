// The order against time: what was acknowledged before something else was first sent comes before it, what a sender sent first
// over one socket comes first, and what a device has numbered comes in that order.
import type { Ack, Journal, Sending } from "../journal.ts";
import type { Violations } from "../violation.ts";

interface Placed {
  sending: Sending;
  ack: Ack;
  /** Time of the first attempt. */
  sent: number;
}

/** One window: everything of the windows before was acknowledged before anything of this one was sent. */
export function checkOrder(journal: Journal, violations: Violations): void {
  const placed = [...journal.sendings.values()].flatMap((sending): Placed[] => {
    const [ack, attempt] = [sending.acks[0], sending.attempts[0]];
    return ack === undefined || attempt === undefined || sending.old !== null ? [] : [{ sending, ack, sent: attempt.at }];
  });
  for (const [conversationId, messages] of Map.groupBy(placed, ({ ack }) => ack.conversation_id)) {
    const course = journal.course(conversationId);
    const label = course?.label ?? conversationId;
    for (const { sending, ack } of messages) {
      if (ack.seq <= (course?.settled ?? 0)) violations.add("order", `${sending.key} was given seq ${ack.seq} of ${label}, which reached ${course?.settled} before it was sent`, journal.story(sending));
    }
    checkTime(journal, violations, label, messages);
    for (const own of Map.groupBy(messages, ({ sending }) => sending.message.sender_id).values()) {
      checkSender(journal, violations, label, own.filter(({ sending }) => sending.message.number === null));
      checkNumbers(journal, violations, label, own.filter(({ sending }) => sending.message.number !== null));
    }
  }
}

function checkTime(journal: Journal, violations: Violations, label: string, messages: readonly Placed[]): void {
  const byAck = messages.toSorted((a, b) => a.ack.at - b.ack.at);
  let done = 0;
  let highest: Placed | null = null;
  for (const message of messages.toSorted((a, b) => a.sent - b.sent)) {
    for (let next = byAck[done]; next !== undefined && next.ack.at < message.sent; next = byAck[done]) {
      if (highest === null || next.ack.seq > highest.ack.seq) highest = next;
      done += 1;
    }
    if (highest !== null && highest.ack.seq > message.ack.seq) {
      violations.add("order", `${highest.sending.key} (seq ${highest.ack.seq}) of ${label} was acknowledged before ${message.sending.key} (seq ${message.ack.seq}) was first sent`, [
        ...journal.story(highest.sending), ...journal.story(message.sending),
      ]);
    }
  }
}

/** Neighbours in the order of their first attempts are enough: the order of all follows. */
function checkSender(journal: Journal, violations: Violations, label: string, messages: readonly Placed[]): void {
  const sorted = messages.toSorted((a, b) => a.sent - b.sent || placeOf(a) - placeOf(b));
  sorted.forEach((later, i) => {
    for (const earlier of sorted.slice(Math.max(0, i - 8), i)) {
      if (earlier.ack.seq < later.ack.seq || !alwaysAhead(earlier, later)) continue;
      violations.add("order", `${earlier.sending.key} went out before ${later.sending.key} on the same socket and stands behind it in ${label} (${earlier.ack.seq}, ${later.ack.seq})`, [
        ...journal.story(earlier.sending), ...journal.story(later.sending),
      ]);
    }
  });
}

/**
 * Whenever the later one was sent, the earlier one was acknowledged or ahead of it on that socket. A refused frame is
 * ahead of nothing: it never went in.
 */
function alwaysAhead(earlier: Placed, later: Placed): boolean {
  return later.sending.attempts.every((attempt) => earlier.ack.at < attempt.at || earlier.sending.attempts.some((first) => (
    first.refused === null && first.place !== null && attempt.place !== null
    && first.place.connection === attempt.place.connection && first.place.index < attempt.place.index
  )));
}

/** Those that went over one connection, once, together: a number that was waited for in vain makes a gap, and is told. */
function checkNumbers(journal: Journal, violations: Violations, label: string, messages: readonly Placed[]): void {
  const steady = messages.filter(({ sending }) => sending.attempts.length === 1 && sending.attempts[0]?.refused === null);
  for (const together of Map.groupBy(steady, ({ sending, sent }) => `${sending.attempts[0]?.place?.connection} ${sent}`).values()) {
    const sorted = together.toSorted((a, b) => (a.sending.message.number ?? 0) - (b.sending.message.number ?? 0));
    sorted.forEach((later, i) => {
      const earlier = sorted[i - 1];
      if (earlier === undefined || earlier.ack.seq < later.ack.seq || sorted.some(({ sending }) => sending.gap)) return;
      violations.add("order", `${earlier.sending.key} has number ${earlier.sending.message.number} and ${later.sending.key} number ${later.sending.message.number} of one device, and they stand the other way in ${label} (${earlier.ack.seq}, ${later.ack.seq})`, [
        ...journal.story(earlier.sending), ...journal.story(later.sending),
      ]);
    });
  }
}

function placeOf({ sending }: Placed): number {
  return sending.attempts[0]?.place?.index ?? 0;
}
