// The events of a round, encoded once for all recipients who get the same.
import type { EncodedEvents } from "../../protocol/rpc.ts";
import { BATCH_BYTES } from "../../protocol/limits.ts";
import { eventJson, isHidden, joinFrames, type Place, skipFrame, withBinary } from "./encode.ts";
import type { Wanted } from "./live.ts";
import type { EventRecord } from "./records.ts";
import type { ConversationStore } from "./store.ts";

interface Encoded {
  seq: number;
  json: string;
  sender_id: string;
  device_id: string | null;
  type: EventRecord["type"];
  target_seq: number | null;
}

export interface Batch {
  events: EncodedEvents | null;
  own: { device_id: string; events: EncodedEvents | null }[];
}

/** Of the newest events, and characters of them: a process holds many conversations in 128 MB. */
const KEPT = 512;
const KEPT_UNITS = 4 * 1024 * 1024;
/** Characters of joined texts. */
const JOINED_UNITS = 4 * KEPT_UNITS;

export class Batches {
  /** The newest events by seq; older ones are read again. */
  private readonly recent = new Map<number, Encoded>();
  private recentUnits = 0;
  private readonly joined = new Map<string, { list: Encoded[]; events: EncodedEvents | null }>();
  private joinedUnits = 0;
  private readonly store: ConversationStore;
  private readonly place: Place;

  constructor(store: ConversationStore, place: Place) {
    this.store = store;
    this.place = place;
  }

  /** Encodes what was just committed, so that delivering it reads nothing. */
  remember(rows: readonly EventRecord[]): void {
    for (const row of rows) {
      const event = this.encode(row);
      this.recent.set(row.seq, event);
      this.recentUnits += event.json.length;
    }
    for (const [seq, event] of this.recent) {
      if (this.recent.size <= KEPT && this.recentUnits <= KEPT_UNITS) break;
      this.recent.delete(seq);
      this.recentUnits -= event.json.length;
    }
    this.forgetJoined();
  }

  /** Events whose content is gone: what is delivered from here on reads what is left of them. */
  forget(seqs: readonly number[]): void {
    for (const seq of seqs) {
      this.recentUnits -= this.recent.get(seq)?.json.length ?? 0;
      this.recent.delete(seq);
    }
    this.forgetJoined();
  }

  private forgetJoined(): void {
    this.joined.clear();
    this.joinedUnits = 0;
  }

  /**
   * The newest events of a run, at most BATCH_BYTES of them, for one recipient.
   * @param visibleFrom the first seq that they see
   */
  forRecipient(userId: string, run: { from: number; to: number } | null, visibleFrom: number, wants: Wanted = "json"): Batch {
    const batch = this.inJson(userId, run, visibleFrom);
    if (wants === "json") return batch;
    const given = (events: EncodedEvents | null): EncodedEvents | null => withBinary(events, wants === "pb");
    return { events: given(batch.events), own: batch.own.map(({ device_id, events }) => ({ device_id, events: given(events) })) };
  }

  private inJson(userId: string, run: { from: number; to: number } | null, visibleFrom: number): Batch {
    if (run === null) return { events: null, own: [] };
    const { list, events } = this.visible(run, visibleFrom);
    const mine = list.filter((event) => event.sender_id === userId);
    if (mine.length === 0) return { events, own: [] };
    // The sending device has its acknowledgement; only the user's other devices get the event.
    const devices = new Set(mine.map((event) => event.device_id).filter((device) => device !== null));
    const own = [...devices].map((device_id) => ({
      device_id,
      events: joinFrames(list.filter((event) => event.sender_id !== userId || event.device_id !== device_id)),
    }));
    return { events, own };
  }

  /** All who may see the same of a run share its text. */
  private visible({ from, to }: { from: number; to: number }, visibleFrom: number): { list: Encoded[]; events: EncodedEvents | null } {
    const whole = this.run(from, to);
    if (visibleFrom <= 1) return whole;
    const hidden = whole.list.filter((event) => isHidden(event, visibleFrom)).map((event) => event.seq);
    if (hidden.length === 0) return whole;
    return this.kept(`${from}-${to} without ${hidden.join()}`, () => whole.list.map((event) => (
      isHidden(event, visibleFrom) ? { ...event, json: JSON.stringify(skipFrame(this.place, event.seq)) } : event
    )));
  }

  private run(from: number, to: number): { list: Encoded[]; events: EncodedEvents | null } {
    return this.kept(`${from}-${to}`, () => this.read(from, to));
  }

  private kept(key: string, make: () => Encoded[]): { list: Encoded[]; events: EncodedEvents | null } {
    const known = this.joined.get(key);
    if (known !== undefined) return known;
    const list = make();
    const made = { list, events: joinFrames(list) };
    this.joinedUnits += made.events?.json.length ?? 0;
    if (this.joinedUnits > JOINED_UNITS) this.forgetJoined();
    this.joined.set(key, made);
    return made;
  }

  private read(from: number, to: number): Encoded[] {
    const list: Encoded[] = [];
    let bytes = 0;
    const missing = this.holds(from, to) ? null : new Map(this.store.readRange(from, to, to - from + 1, "asc").map((row) => [row.seq, row]));
    for (let seq = to; seq >= from; seq -= 1) {
      const row = missing?.get(seq);
      const event = this.recent.get(seq) ?? (row === undefined || row.body === null ? undefined : this.encode(row));
      // What is pruned can't be pushed: the client sees the gap and pulls.
      if (event === undefined) break;
      bytes += event.json.length * 3;
      if (bytes > BATCH_BYTES && list.length > 0) break;
      list.push(event);
    }
    return list.toReversed();
  }

  /** What was erased leaves a hole in what is remembered. */
  private holds(from: number, to: number): boolean {
    for (let seq = from; seq <= to; seq += 1) if (!this.recent.has(seq)) return false;
    return true;
  }

  private encode(row: EventRecord): Encoded {
    return { seq: row.seq, json: eventJson(this.place, row), sender_id: row.sender_id, device_id: row.device_id, type: row.type, target_seq: row.target_seq ?? null };
  }
}
