// What is to become push notifications: a queue with at most one for each conversation. Sending them is not built yet.
import { decidePush } from "../../domain/push.ts";
import { PUSH_DEVICES } from "../../protocol/limits.ts";
import type { Event } from "../../protocol/events.ts";
import type { DeviceBody, QueuedPush, RegisteredDevice } from "../../protocol/rest/inbox.ts";
import type { DeliverCall } from "../../protocol/rpc.ts";
import type { PushCall } from "../../protocol/rpc/inbox.ts";
import { jsonOf } from "./encoding.ts";
import type { InboxRecord, SessionStore } from "./store.ts";
import { PushStore } from "./store/pushes.ts";

/** What pushes need of a session. */
export interface PushCore {
  readonly userId: string;
  readonly store: SessionStore;
  readonly blocked: ReadonlySet<string>;
  readonly account: { deactivated_at: number | null } | null;
  isFresh(now: number): boolean;
}

/** What a settle says of what is new. */
type Settling = Pick<DeliverCall, "events" | "last" | "mentions">;

export class Pushes {
  private readonly core: PushCore;
  private readonly store: PushStore;

  constructor(core: PushCore) {
    this.core = core;
    this.store = new PushStore(core.store.sql);
  }

  /**
   * A row is about to be committed, with the settle that moved it: what the queue makes of it, for the same transaction; null for
   * nothing. A settle that comes again moves no row, so nothing is queued twice.
   * @param call null: the user did something themselves
   */
  decide(before: InboxRecord | null, row: InboxRecord, call: Settling | null, now: number): (() => void) | null {
    const { conversation_id } = row;
    const decision = decidePush({
      known_msg_no: call === null ? row.head_msg_no : (before?.head_msg_no ?? 0), head_msg_no: row.head_msg_no, read_msg_no: row.read_msg_no,
      muted: this.isQuiet(row), left: row.left_at !== null, blocked: call !== null && this.allBlocked(call, before?.settled_seq ?? 0),
      fresh: this.core.isFresh(now), queued: this.store.has(conversation_id), told: call !== null && this.wasTold(row, call),
    });
    if (decision === "drop") return () => this.store.commitDropped(conversation_id);
    const from_seq = Math.max(before?.settled_seq ?? 0, row.read_seq) + 1;
    return decision === "queue" ? () => this.store.commitQueued({ conversation_id, from_seq, queued_at: now }, row.settled_seq) : null;
  }

  /** The same for a session that is told of the events: its devices may all be silent. */
  heard(call: DeliverCall, now: number): void {
    // Asked first: where a device is there, being told reads no row.
    if (this.core.isFresh(now)) return;
    const row = this.core.store.readInbox(call.conversation_id);
    if (row !== null && call.head_msg_no > row.read_msg_no) this.offered({ conversation_id: call.conversation_id, seq: call.head_seq }, now);
  }

  /**
   * Nobody has acknowledged these events, and they come again: a device that seemed to be there when they were settled may have
   * been gone. What is not settled yet is the settle's to decide.
   */
  again(call: DeliverCall, now: number): void {
    const { conversation_id } = call;
    const row = this.core.store.readInbox(conversation_id);
    if (row === null || this.core.isFresh(now)) return;
    const above = Math.max(row.read_seq, this.store.readPushedSeq(conversation_id));
    const unread = this.foreign(call, above).find(({ seq, sender_id }) => seq <= row.settled_seq && !this.core.blocked.has(sender_id));
    if (unread !== undefined) this.offered({ conversation_id, seq: unread.seq }, now);
  }

  /** Of a conversation that settles nobody: it says itself what may be worth a push. The same may be said again. */
  offered({ conversation_id, seq, to_seq = seq, senders }: PushCall, now: number): void {
    if (senders?.every((sender) => sender === this.core.userId || this.core.blocked.has(sender)) === true) return;
    const row = this.core.store.readInbox(conversation_id);
    if (row === null || row.left_at !== null || this.isQuiet(row) || this.core.isFresh(now) || this.store.has(conversation_id)) return;
    if (to_seq <= Math.max(row.read_seq, this.store.readPushedSeq(conversation_id))) return;
    this.store.commitQueued({ conversation_id, from_seq: Math.max(seq, row.read_seq + 1), queued_at: now }, Math.max(to_seq, row.settled_seq));
  }

  list(): QueuedPush[] {
    return this.store.readQueue().map(({ conversation_id, from_seq, queued_at }) => {
      const row = this.core.store.readInbox(conversation_id);
      const from = Math.max(from_seq, (row?.read_seq ?? 0) + 1);
      return { conversation_id, from_seq: from, to_seq: Math.max(from, row?.settled_seq ?? 0), mention: (row?.mentions.length ?? 0) > 0, queued_at };
    });
  }

  register(deviceId: string, body: DeviceBody, now: number): RegisteredDevice {
    this.store.commitDevice({ device_id: deviceId, ...body, updated_at: now }, PUSH_DEVICES);
    return { device_id: deviceId, platform: body.platform, updated_at: now };
  }

  forget(deviceId: string): boolean {
    return this.store.commitForgotten(deviceId);
  }

  devices(): RegisteredDevice[] {
    return this.store.readDevices();
  }

  private isQuiet(row: InboxRecord): boolean {
    return row.muted || (this.core.account?.deactivated_at ?? null) !== null;
  }

  /** Are all new messages from people whom the user has blocked? Where the settle brings none, the newest one speaks for all. */
  private allBlocked(call: Settling, settledSeq: number): boolean {
    const { blocked } = this.core;
    if (blocked.size === 0) return false;
    const senders = this.foreign(call, settledSeq).map(({ sender_id }) => sender_id);
    if (senders.length === 0 && call.last !== undefined && call.last !== null) senders.push(call.last.sender_id);
    return senders.length > 0 && senders.every((sender) => blocked.has(sender));
  }

  /**
   * Has a push spoken of what a settle brings? Where messages are not settled one by one, one does for all until the user reads,
   * but for mentions.
   */
  private wasTold(row: InboxRecord, call: Settling): boolean {
    const pushedSeq = this.store.readPushedSeq(row.conversation_id);
    if (row.mode === "write") return pushedSeq >= row.settled_seq;
    return pushedSeq > row.read_seq && !(call.mentions ?? []).some((seq) => seq > pushedSeq);
  }

  /** Messages of others that a call brings, above a seq, oldest first. */
  private foreign(call: Pick<DeliverCall, "events">, above: number): Event[] {
    const parsed = call.events === null ? [] : (JSON.parse(jsonOf(call.events)) as Event | Event[]);
    return (Array.isArray(parsed) ? parsed : [parsed])
      .filter((event) => event.type === "msg" && event.seq > above && event.sender_id !== this.core.userId);
  }
}
