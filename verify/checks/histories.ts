// The histories as members read them: dense, the same for everybody and in both directions, and with every acknowledged
// message in its place, once.
import { type Journal, keyOf, type Reading, type Shown } from "../journal.ts";
import type { Violations } from "../violation.ts";

export function checkHistories(journal: Journal, violations: Violations): void {
  const readings = Map.groupBy(journal.readings, ({ label }) => label);
  for (const [label, all] of readings) {
    const ascending = all.map((reading) => ({ ...reading, events: reading.order === "asc" ? reading.events : reading.events.toReversed() }));
    for (const reading of ascending) checkOne(journal, violations, reading);
    const [first, ...others] = ascending;
    for (const other of others) if (first !== undefined) compare(violations, label, first, other);
  }
  checkAcknowledged(journal, violations, readings);
}

function nameOf({ label, user_id, order }: Reading): string {
  return `the history of ${label} (${user_id}, ${order})`;
}

function checkOne(journal: Journal, violations: Violations, reading: Reading): void {
  const { events } = reading;
  const keys = new Map<string, number>();
  let last: Shown | null = null;
  let msgNo = 0;
  for (const event of events) {
    const expected: number = last === null ? 1 : last.seq + 1;
    if (event.seq < expected) violations.add("duplicate", `${nameOf(reading)} shows seq ${event.seq} again after ${expected - 1}`, lines(last, event));
    if (event.seq > expected) violations.add("hole", `${nameOf(reading)} goes from ${expected - 1} to ${event.seq}`, lines(last, event));
    if (last !== null && event.seq > last.seq) {
      if (event.msg_id <= last.msg_id) violations.add("order", `${nameOf(reading)}: msg_id falls from seq ${last.seq} to ${event.seq}`, lines(last, event));
      if (event.sent_at < last.sent_at) violations.add("order", `${nameOf(reading)}: sent_at falls from seq ${last.seq} to ${event.seq}`, lines(last, event));
    }
    if (event.type === "msg") {
      msgNo += 1;
      if (event.msg_no !== msgNo) violations.add("hole", `${nameOf(reading)}: message ${msgNo} has msg_no ${event.msg_no}`, lines(last, event));
    }
    if (event.client_msg_id !== undefined) {
      const key = keyOf(event.sender_id, event.client_msg_id);
      const before = keys.get(key);
      const sending = journal.sendings.get(key);
      if (before !== undefined) violations.add("duplicate", `${key} stands at seq ${before} and at ${event.seq} of ${reading.label}`, sending === undefined ? [] : journal.story(sending));
      keys.set(key, event.seq);
    }
    last = event;
  }
  const id = journal.idOf(reading.label);
  const head = id === undefined ? 0 : journal.headOf(id);
  if ((last?.seq ?? 0) < head) violations.add("lost", `${nameOf(reading)} ends at ${last?.seq ?? 0}, but ${head} was seen or acknowledged`, lines(last));
}

function compare(violations: Violations, label: string, a: Reading, b: Reading): void {
  const places = new Map(a.events.map((event) => [event.seq, event]));
  for (const event of b.events) {
    const other = places.get(event.seq);
    if (other === undefined || other.msg_id === event.msg_id) continue;
    violations.add("order", `seq ${event.seq} of ${label} differs between ${a.user_id} (${a.order}) and ${b.user_id} (${b.order})`, lines(other, event));
  }
  // Nobody sends while this is read, so nobody may see more than another.
  if (a.events.length !== b.events.length) {
    violations.add("order", `${a.user_id} (${a.order}) reads ${a.events.length} events of ${label}, ${b.user_id} (${b.order}) ${b.events.length}`);
  }
}

function checkAcknowledged(journal: Journal, violations: Violations, readings: ReadonlyMap<string, Reading[]>): void {
  const places = new Map([...readings.values()].flat().map((reading) => [reading, new Map(reading.events.map((event) => [event.seq, event]))]));
  for (const sending of journal.sendings.values()) {
    const { label } = sending.message.conversation;
    for (const reading of readings.get(label) ?? []) {
      for (const ack of sending.acks) {
        const event = places.get(reading)?.get(ack.seq);
        if (event?.msg_id === ack.msg_id && event.client_msg_id === sending.message.client_msg_id) continue;
        violations.add("lost", `${sending.key} was acknowledged as seq ${ack.seq} of ${label}, and ${nameOf(reading)} has ${event === undefined ? "nothing" : "another event"} there`, [
          ...lines(event ?? null), ...journal.story(sending),
        ]);
        break;
      }
    }
  }
}

function lines(...events: (Shown | null)[]): string[] {
  return events.filter((event) => event !== null).map((event) => {
    const text = JSON.stringify(event);
    return text.length > 300 ? `${text.slice(0, 300)}…` : text;
  });
}
