// All SQL of the Conversation object. conversation: what it is. watermarks: how far fan-out, archive and pruning are.
// events: the order itself. stays: who sees which part of it. lagging: who is owed a settle. segments: what is being archived.
import type { Encryption, History, Kind, Role } from "../../protocol/events.ts";
import type { Jurisdiction, LocationHint } from "../../protocol/ids.ts";
import type { FanoutMode } from "../../protocol/frames/inbox.ts";
import type { Stay } from "../../domain/membership.ts";
import { CONVERSATION_MIGRATIONS } from "../../migrations/conversation.ts";
import { ObjectStore } from "../platform/object-store.ts";
import type { Row, Sql } from "../platform/sql.ts";
import type { ConversationRecord, Counters, EventRecord, LaggingRecord, MemberChange, NewEvent, SegmentRecord, Watermarks } from "./records.ts";
import { bytes, EVENT_COLUMNS, toEventRecord } from "./store/event-row.ts";
import { MediaStore } from "./store/media.ts";
import { MessageStore } from "./store/messages.ts";
import { SearchStore } from "./store/search.ts";

/** The event that a client_msg_id stands for. */
export interface HeldKey {
  seq: number;
  msg_id: string;
}

export class ConversationStore extends ObjectStore {
  readonly messages: MessageStore;
  readonly search: SearchStore;
  readonly media: MediaStore;

  constructor(sql: Sql) {
    super(sql, CONVERSATION_MIGRATIONS);
    this.messages = new MessageStore(sql);
    this.search = new SearchStore(sql);
    this.media = new MediaStore(sql);
  }

  /** Everything that a conversation starts with, in one transaction. */
  commitCreation(conversation: ConversationRecord, stays: readonly Stay[], events: readonly NewEvent[]): void {
    this.sql.transaction(() => {
      this.migrate();
      this.insertConversation(conversation);
      for (const stay of stays) this.insertStay(stay);
      for (const event of events) this.insertEvent(event);
    });
  }

  /** Within a commit: from here on there is a conversation. */
  insertConversation(conversation: ConversationRecord): void {
    this.sql.run(
      "INSERT INTO conversation (id, conversation_id, kind, title, epoch, max_members, location_hint, jurisdiction, encryption, cursor_key, history, mode) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      conversation.conversation_id, conversation.kind, conversation.title, conversation.epoch, conversation.max_members,
      conversation.location_hint, conversation.jurisdiction, conversation.encryption, conversation.cursor_key, conversation.history, conversation.mode,
    );
    this.sql.run("INSERT INTO watermarks (id, fanout_seq, archived_seq, pruned_seq, counters) VALUES (1, 0, 0, 0, '{}')");
  }

  /** A batch of events that change nothing but the order, the counts of the threads that they are in, and what is known of files. */
  commitEvents(events: readonly NewEvent[]): void {
    const [only] = events;
    // One statement needs no transaction of its own.
    if (only !== undefined && events.length === 1 && !isReply(only) && only.media_key === undefined) {
      this.insertEvent(only);
      return;
    }
    this.sql.transaction(() => {
      for (const event of events) {
        this.insertEvent(event);
        if (isReply(event)) this.messages.commitReply(event.target_seq, 1);
        if (event.media_key !== undefined) this.media.commitCarried(event.seq, event.media_key);
      }
    });
  }

  /** Changes of who is a member, each with its event: all of them or none. */
  commitMembers(changes: readonly { change: MemberChange; event: NewEvent }[]): void {
    this.sql.transaction(() => {
      for (const { change, event } of changes) {
        this.insertEvent(event);
        if (change.kind === "add") {
          this.insertStay({ user_id: change.user_id, joined_seq: event.seq, left_seq: null, role: change.role });
        } else if (change.kind === "role") {
          this.sql.run("UPDATE stays SET role = ? WHERE user_id = ? AND left_seq IS NULL", change.role, change.user_id);
        } else {
          this.sql.run("UPDATE stays SET left_seq = ? WHERE user_id = ? AND left_seq IS NULL", event.seq, change.user_id);
        }
      }
    });
  }

  commitSettings({ title, history }: Pick<ConversationRecord, "title" | "history">, events: readonly NewEvent[]): void {
    this.sql.transaction(() => {
      for (const event of events) this.insertEvent(event);
      this.sql.run("UPDATE conversation SET title = ?, history = ? WHERE id = 1", title, history);
    });
  }

  /** The end of a settle round: everybody is settled to `fanout_seq` or stands in `lagging`. */
  commitSettled(reached: Pick<Watermarks, "fanout_seq" | "told_seq">, counters: Counters, lagging: readonly LaggingRecord[], settled: readonly string[]): void {
    this.sql.transaction(() => {
      this.sql.run("UPDATE watermarks SET fanout_seq = ?, told_seq = ?, counters = ? WHERE id = 1", reached.fanout_seq, reached.told_seq, JSON.stringify(counters));
      for (const row of lagging) {
        this.sql.run(
          "INSERT INTO lagging (user_id, owed_from, due_at, attempts) VALUES (?, ?, ?, ?) ON CONFLICT (user_id) DO UPDATE SET owed_from = min(owed_from, excluded.owed_from), due_at = excluded.due_at, attempts = excluded.attempts",
          row.user_id, row.owed_from, row.due_at, row.attempts,
        );
      }
      for (const userId of settled) this.sql.run("DELETE FROM lagging WHERE user_id = ?", userId);
    });
  }

  commitSegmentPlan(segment: Pick<SegmentRecord, "from_seq" | "to_seq" | "sha256">): void {
    this.sql.run("INSERT INTO segments (from_seq, to_seq, sha256, put, acked) VALUES (?, ?, ?, 0, 0)", segment.from_seq, segment.to_seq, segment.sha256);
  }

  /** It is to be put once more; its text may have changed. */
  commitSegmentAnew(fromSeq: number, sha256: string, looks: number): void {
    this.sql.run("UPDATE segments SET sha256 = ?, put = 0, wrong = 0, looks = ? WHERE from_seq = ?", sha256, looks, fromSeq);
  }

  commitSegmentPut(fromSeq: number, at: number): void {
    this.sql.run("UPDATE segments SET put = 1, put_at = ? WHERE from_seq = ?", at, fromSeq);
  }

  /** It is in the bucket as it was sealed. */
  commitSegmentLook(fromSeq: number, at: number, looks: number): void {
    this.sql.run("UPDATE segments SET put_at = ?, looks = ? WHERE from_seq = ?", at, looks, fromSeq);
  }

  commitSegmentWrong(fromSeq: number, reports: number): void {
    this.sql.run("UPDATE segments SET wrong = 1, reports = ? WHERE from_seq = ?", reports, fromSeq);
  }

  commitSegmentAcked(fromSeq: number): void {
    this.sql.run("UPDATE segments SET put = 1, acked = 1 WHERE from_seq = ?", fromSeq);
  }

  commitArchived(archivedSeq: number, counters: Counters): void {
    this.sql.transaction(() => {
      this.sql.run("UPDATE watermarks SET archived_seq = ?, counters = ? WHERE id = 1", archivedSeq, JSON.stringify(counters));
      this.sql.run("DELETE FROM segments WHERE to_seq <= ?", archivedSeq);
    });
  }

  /** Blanks bodies up to `prunedSeq`; `hashes` holds what stays of each. */
  commitPruned(prunedSeq: number, hashes: readonly { seq: number; content_hash: Uint8Array }[]): void {
    this.sql.transaction(() => {
      for (const { seq, content_hash } of hashes) {
        this.sql.run("UPDATE events SET body = NULL, salt = NULL, content_hash = ? WHERE seq = ?", content_hash, seq);
      }
      this.sql.run("UPDATE watermarks SET pruned_seq = ? WHERE id = 1", prunedSeq);
    });
  }

  readConversation(): ConversationRecord | null {
    const row = this.sql.all("SELECT conversation_id, kind, title, epoch, max_members, location_hint, jurisdiction, encryption, cursor_key, history, mode FROM conversation WHERE id = 1")[0];
    if (row === undefined) return null;
    return {
      conversation_id: row["conversation_id"] as string,
      kind: row["kind"] as Kind,
      title: row["title"] as string | null,
      epoch: row["epoch"] as number,
      max_members: row["max_members"] as number,
      location_hint: row["location_hint"] as LocationHint | null,
      jurisdiction: row["jurisdiction"] as Jurisdiction | null,
      encryption: row["encryption"] as Encryption,
      cursor_key: bytes(row["cursor_key"]),
      history: row["history"] as History,
      mode: row["mode"] as FanoutMode,
    };
  }

  readWatermarks(): Watermarks & { counters: Partial<Counters> } {
    const row = this.sql.all("SELECT fanout_seq, told_seq, mode_seq, archived_seq, pruned_seq, counters FROM watermarks WHERE id = 1")[0] as Row;
    return {
      fanout_seq: row["fanout_seq"] as number,
      told_seq: row["told_seq"] as number,
      mode_seq: row["mode_seq"] as number,
      archived_seq: row["archived_seq"] as number,
      pruned_seq: row["pruned_seq"] as number,
      counters: JSON.parse(row["counters"] as string) as Partial<Counters>,
    };
  }

  readHead(): EventRecord | null {
    return this.readEvents(`SELECT ${EVENT_COLUMNS} FROM events ORDER BY seq DESC LIMIT 1`)[0] ?? null;
  }

  readEvent(seq: number): EventRecord | null {
    return this.readEvents(`SELECT ${EVENT_COLUMNS} FROM events WHERE seq = ?`, seq)[0] ?? null;
  }

  /** Which of a sender's keys stand for an event, and for which. One query for all of them. */
  readKeys(senderId: string, clientMsgIds: readonly string[]): Map<string, HeldKey> {
    const rows = clientMsgIds.length === 1
      ? this.sql.all("SELECT client_msg_id, seq, msg_id FROM events WHERE sender_id = ? AND client_msg_id = ?", senderId, clientMsgIds[0] as string)
      : this.sql.all(
          "SELECT client_msg_id, seq, msg_id FROM events WHERE sender_id = ? AND client_msg_id IN (SELECT value FROM json_each(?))",
          senderId, JSON.stringify(clientMsgIds),
        );
    return new Map(rows.map((row) => [row["client_msg_id"] as string, { seq: row["seq"] as number, msg_id: row["msg_id"] as string }]));
  }

  readRange(from: number, to: number, limit: number, order: "asc" | "desc"): EventRecord[] {
    const direction = order === "asc" ? "ASC" : "DESC";
    return this.readEvents(`SELECT ${EVENT_COLUMNS} FROM events WHERE seq BETWEEN ? AND ? ORDER BY seq ${direction} LIMIT ?`, from, to, limit);
  }

  /** Bytes of the bodies from `from` on, in order, 0 of a pruned one: what planning a segment needs. */
  readSizes(from: number, limit: number): number[] {
    return this.sql.all("SELECT coalesce(length(CAST(body AS BLOB)), 0) AS size FROM events WHERE seq >= ? ORDER BY seq LIMIT ?", from, limit).map((row) => row["size"] as number);
  }

  readMsgId(seq: number): string | null {
    const row = this.sql.all("SELECT msg_id FROM events WHERE seq = ?", seq)[0];
    return row === undefined ? null : (row["msg_id"] as string);
  }

  /** The newest message of each sender in a run. */
  readNewestSent(from: number, to: number): Map<string, { seq: number; msg_no: number }> {
    const rows = this.sql.all(
      "SELECT sender_id, max(seq) AS seq, max(msg_no) AS msg_no FROM events WHERE seq BETWEEN ? AND ? AND type = 'msg' GROUP BY sender_id", from, to,
    );
    return new Map(rows.map((row) => [row["sender_id"] as string, { seq: row["seq"] as number, msg_no: row["msg_no"] as number }]));
  }

  /** Those who are members now. */
  readMembers(): Stay[] {
    return this.sql.all("SELECT user_id, role, joined_seq, left_seq FROM stays WHERE left_seq IS NULL ORDER BY joined_seq, user_id").map(toStay);
  }

  /** Those whose stay ended after `seq`. */
  readDeparted(seq: number): Stay[] {
    return this.sql.all("SELECT user_id, role, joined_seq, left_seq FROM stays WHERE left_seq > ?", seq).map(toStay);
  }

  /** The newest stay of a user, ended or not. */
  readStay(userId: string): Stay | null {
    const row = this.sql.all("SELECT user_id, role, joined_seq, left_seq FROM stays WHERE user_id = ? ORDER BY joined_seq DESC LIMIT 1", userId)[0];
    return row === undefined ? null : toStay(row);
  }

  readLagging(): LaggingRecord[] {
    return this.sql.all("SELECT user_id, owed_from, due_at, attempts FROM lagging ORDER BY due_at").map((row) => ({
      user_id: row["user_id"] as string,
      owed_from: row["owed_from"] as number,
      due_at: row["due_at"] as number,
      attempts: row["attempts"] as number,
    }));
  }

  readSegments(): SegmentRecord[] {
    return this.sql.all("SELECT from_seq, to_seq, sha256, put, acked, put_at, looks, wrong, reports FROM segments ORDER BY from_seq").map((row) => ({
      from_seq: row["from_seq"] as number,
      to_seq: row["to_seq"] as number,
      sha256: row["sha256"] as string,
      put: row["put"] === 1,
      acked: row["acked"] === 1,
      put_at: row["put_at"] as number,
      looks: row["looks"] as number,
      wrong: row["wrong"] === 1,
      reports: row["reports"] as number,
    }));
  }

  insertStay(stay: Stay): void {
    this.sql.run("INSERT INTO stays (user_id, joined_seq, left_seq, role) VALUES (?, ?, ?, ?)", stay.user_id, stay.joined_seq, stay.left_seq, stay.role);
  }

  private insertEvent(event: NewEvent): void {
    this.sql.run(
      `INSERT INTO events (seq, msg_id, msg_no, type, sender_id, client_msg_id, device_id, content_type, body, salt, target_seq, client_sequence_number)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      event.seq, event.msg_id, event.msg_no, event.type, event.sender_id, event.client_msg_id, event.device_id, event.content_type, event.body, event.salt,
      event.target_seq ?? null, event.client_sequence_number ?? null,
    );
  }

  /** Within a commit: an event as the archive had it. */
  insertRestored(event: EventRecord): void {
    this.sql.run(
      `INSERT INTO events (seq, msg_id, msg_no, type, sender_id, client_msg_id, device_id, content_type, body, salt, content_hash, target_seq)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      event.seq, event.msg_id, event.msg_no, event.type, event.sender_id, event.client_msg_id, event.device_id, event.content_type, event.body, event.salt,
      event.content_hash, event.target_seq ?? null,
    );
  }

  private readEvents(query: string, ...bindings: (string | number)[]): EventRecord[] {
    return this.sql.all(query, ...bindings).map(toEventRecord);
  }
}

function isReply(event: NewEvent): event is NewEvent & { target_seq: number } {
  return event.type === "msg" && typeof event.target_seq === "number";
}

function toStay(row: Row): Stay {
  return {
    user_id: row["user_id"] as string,
    role: row["role"] as Role,
    joined_seq: row["joined_seq"] as number,
    left_seq: row["left_seq"] as number | null,
  };
}
