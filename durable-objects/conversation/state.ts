// What the object keeps in memory of its rows, so that an append reads nothing but its key. Changed only behind a commit.
import type { Head } from "../../domain/append.ts";
import { nextClock } from "../../domain/clock.ts";
import type { Stay } from "../../domain/membership.ts";
import type { EventBody, EventType } from "../../protocol/events.ts";
import { clockOf, msgIdAt } from "../../protocol/msg-id.ts";
import { randomBytes } from "../platform/hash.ts";
import type { ConversationRecord, Counters, NewEvent, Watermarks } from "./records.ts";
import { Numbers } from "./sequence.ts";
import type { ConversationStore } from "./store.ts";
import { BanStore } from "./store/bans.ts";

export class ConversationState {
  readonly record: ConversationRecord;
  readonly marks: Watermarks;
  readonly counters: Counters;
  readonly head: Head;
  /** The members of now, by user. */
  readonly members: Map<string, Stay>;
  readonly bans: BanStore;
  /** Who may not come back or, in a direct conversation, may not write. */
  readonly banned: Set<string>;
  readonly numbers: Numbers;
  private readonly rowsBefore: number;
  private readonly store: ConversationStore;

  constructor(store: ConversationStore, record: ConversationRecord) {
    this.store = store;
    this.record = record;
    const { counters, ...marks } = store.readWatermarks();
    this.marks = marks;
    this.rowsBefore = counters.rows_written ?? 0;
    this.counters = { rows_written: this.rowsBefore, deliveries: counters.deliveries ?? 0, delivery_calls: counters.delivery_calls ?? 0, wakes: (counters.wakes ?? 0) + 1 };
    const newest = store.readHead();
    this.head = newest === null ? { seq: 0, msg_no: 0, clock: 0 } : { seq: newest.seq, msg_no: newest.msg_no, clock: clockOf(newest.msg_id) };
    this.bans = new BanStore(store.sql);
    this.banned = new Set(this.bans.readBans());
    this.numbers = new Numbers(store);
    this.members = new Map(store.readMembers().map((stay) => [stay.user_id, stay]));
  }

  /** The counters as they are now; `rows_written` goes on over wakes. */
  tally(): Counters {
    this.counters.rows_written = this.rowsBefore + this.store.sql.rowsWritten;
    return this.counters;
  }

  advance(events: readonly NewEvent[]): void {
    const last = events.at(-1);
    if (last !== undefined) Object.assign(this.head, { seq: last.seq, msg_no: last.msg_no, clock: clockOf(last.msg_id) });
  }
}

/** Builds the next events of a conversation, one behind the other, before they are committed together. */
export class EventDraft {
  readonly events: NewEvent[] = [];
  private readonly head: Head;
  private readonly now: number;

  constructor(head: Readonly<Head>, now: number) {
    this.head = { ...head };
    this.now = now;
  }

  get next(): Readonly<Head> {
    return this.head;
  }

  add<T extends EventType>(type: T, body: EventBody<T>, from: Pick<NewEvent, "sender_id" | "client_msg_id" | "device_id" | "content_type" | "target_seq" | "client_sequence_number">): NewEvent {
    this.head.seq += 1;
    if (type === "msg") this.head.msg_no += 1;
    this.head.clock = nextClock(this.head.clock, this.now);
    const random = randomBytes(24);
    const event: NewEvent = {
      seq: this.head.seq, msg_no: this.head.msg_no, msg_id: msgIdAt(this.head.clock, random), type,
      ...from,
      body: JSON.stringify(body), salt: random.subarray(8),
    };
    this.events.push(event);
    return event;
  }
}
