// The history as members read it: dense, each key once, numbered, rising in time, and every acknowledged message in its place.
import type { Course, Stay, Tail } from "../course.ts";
import { type Journal, keyOf, type Sending, type Shown } from "../journal.ts";
import type { Violations } from "../violation.ts";
import { checkSight, clipped } from "./sights.ts";

/** The next events of a history in ascending order. Returns where it ends now; what was wrong is noted. */
export function checkRun(violations: Violations, name: string, tail: Tail, events: readonly Shown[]): Tail {
  let last = tail;
  let before: Shown | null = null;
  for (const event of events) {
    const expected = last.seq + 1;
    if (event.seq < expected) violations.add("duplicate", `${name} shows seq ${event.seq} again after ${last.seq}`, [clipped(before), clipped(event)]);
    if (event.seq > expected) violations.add("hole", `${name} goes from ${last.seq} to ${event.seq}`, [clipped(before), clipped(event)]);
    if (event.seq >= expected) {
      if (event.msg_id <= last.msg_id) violations.add("order", `${name}: msg_id falls from seq ${last.seq} to ${event.seq}`, [last.msg_id, clipped(event)]);
      if (event.sent_at < last.sent_at) violations.add("order", `${name}: sent_at falls from seq ${last.seq} to ${event.seq}`, [String(last.sent_at), clipped(event)]);
    }
    const msgNo: number = last.msg_no + (event.type === "msg" ? 1 : 0);
    if (event.type === "msg" && event.msg_no !== msgNo) violations.add("hole", `${name}: message ${msgNo} has msg_no ${event.msg_no}`, [clipped(before), clipped(event)]);
    last = { seq: event.seq, msg_no: msgNo, msg_id: event.msg_id, sent_at: event.sent_at };
    before = event;
  }
  return last;
}

/** A history from end to end, in either direction, as it comes page after page. */
export class WholeReading {
  private readonly journal: Journal;
  private readonly violations: Violations;
  private readonly course: Course;
  private readonly name: string;
  private readonly order: "asc" | "desc";
  private tail: Tail = { seq: 0, msg_no: 0, msg_id: "", sent_at: 0 };
  /** Descending: the seq that comes next. */
  private next: number;

  constructor(journal: Journal, violations: Violations, course: Course, reader: string, order: "asc" | "desc") {
    this.journal = journal;
    this.violations = violations;
    this.course = course;
    this.name = `the history of ${course.label} (${reader}, ${order})`;
    this.order = order;
    this.next = course.tail.seq;
  }

  take(events: readonly Shown[]): void {
    for (const event of events) {
      if (this.order === "desc" && event.seq !== this.next) this.violations.add("hole", `${this.name} has seq ${event.seq} where ${this.next} should be`, [clipped(event)]);
      this.next = event.seq - 1;
      checkSight(this.journal, this.violations, event, this.name, true);
    }
    if (this.order === "asc") this.tail = checkRun(this.violations, this.name, this.tail, events);
  }

  /** Nobody sends meanwhile, so nobody may see more or less than another. */
  end(): void {
    if (this.order === "asc" && this.tail.seq !== this.course.tail.seq) this.violations.add("lost", `${this.name} ends at ${this.tail.seq}, and reached ${this.course.tail.seq} before`);
    if (this.order === "desc" && this.next !== 0) this.violations.add("lost", `${this.name} ends above seq ${this.next}`);
  }
}

/** What was read of one conversation after its tail, while nothing is sent. Moves the tail, and the stays with it. */
export function checkNews(journal: Journal, violations: Violations, course: Course, reader: string, events: readonly Shown[]): void {
  const name = `the history of ${course.label} (${reader})`;
  const met = new Map<string, number>();
  const tail = checkRun(violations, name, course.tail, events);
  for (const event of events) {
    checkSight(journal, violations, event, name, true);
    followStays(course, event);
    if (event.client_msg_id === undefined) continue;
    const key = keyOf(event.sender_id, event.client_msg_id);
    const sending = journal.sendings.get(key);
    const before = met.get(key) ?? sending?.old?.seq ?? journal.keys.find(event.sender_id, event.client_msg_id)?.seq;
    if (before !== undefined) violations.add("duplicate", `${key} stands at seq ${before} and at ${event.seq} of ${course.label}`, sending === undefined ? [] : journal.story(sending));
    met.set(key, event.seq);
    if (sending !== undefined) {
      sending.gap = event.gap === true;
      checkStands(journal, violations, course, sending, event);
    }
  }
  if (tail.seq < course.head) violations.add("lost", `${name} ends at ${tail.seq}, but ${course.head} was seen or acknowledged`, [clipped(events.at(-1) ?? null)]);
  checkAcknowledged(journal, violations, course, met);
  course.tail = tail;
}

/** An event with a known key is where it was acknowledged. */
function checkStands(journal: Journal, violations: Violations, course: Course, sending: Sending, event: Shown): void {
  for (const ack of sending.acks) {
    if (ack.seq === event.seq && ack.msg_id === event.msg_id && ack.sent_at === event.sent_at) continue;
    violations.add("lost", `${sending.key} was acknowledged as seq ${ack.seq} of ${course.label}, and stands at ${event.seq}`, [clipped(event), ...journal.story(sending)]);
    return;
  }
}

function checkAcknowledged(journal: Journal, violations: Violations, course: Course, met: ReadonlyMap<string, number>): void {
  for (const sending of journal.sendings.values()) {
    const [ack] = sending.acks;
    if (ack === undefined || sending.old !== null || ack.conversation_id !== course.id || met.has(sending.key)) continue;
    violations.add("lost", `${sending.key} was acknowledged as seq ${ack.seq} of ${course.label}, and is not in its history`, journal.story(sending));
  }
}

/** Who is in from where to where, as the history itself says. */
export function followStays(course: Pick<Course, "stays">, event: Shown): void {
  const enter = (user: string): void => {
    const stays: Stay[] = course.stays.get(user) ?? [];
    course.stays.set(user, stays);
    if (stays.at(-1)?.to !== Number.POSITIVE_INFINITY) stays.push({ from: event.seq, to: Number.POSITIVE_INFINITY });
  };
  if (event.type === "created") for (const { user_id } of event.members ?? []) enter(user_id);
  if (event.type === "member_added" && event.user_id !== undefined) enter(event.user_id);
  if (event.type === "member_removed" && event.user_id !== undefined) {
    const stay = course.stays.get(event.user_id)?.at(-1);
    if (stay !== undefined) stay.to = event.seq;
  }
}
