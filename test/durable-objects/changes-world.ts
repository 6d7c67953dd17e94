// One conversation with edits, deletions and reactions over real stores, and an archive that takes its segments now and then.
import { DatabaseSync } from "node:sqlite";
import { appendItems } from "../../durable-objects/conversation/append.ts";
import { Batches } from "../../durable-objects/conversation/batches.ts";
import { createGroup } from "../../durable-objects/conversation/create.ts";
import { eraseMessage } from "../../durable-objects/conversation/erase.ts";
import { readHistory } from "../../durable-objects/conversation/history.ts";
import type { ConversationRecord } from "../../durable-objects/conversation/records.ts";
import { Sealing } from "../../durable-objects/conversation/seal.ts";
import { ConversationState } from "../../durable-objects/conversation/state.ts";
import { ConversationStore } from "../../durable-objects/conversation/store.ts";
import type { Stay } from "../../domain/membership.ts";
import type { HistoryQuery } from "../../protocol/rest.ts";
import type { AppendItem, HistoryReply } from "../../protocol/rpc.ts";
import { DEFAULT_SETTINGS } from "../../protocol/settings.ts";
import { type Archive, archivedBodies, newArchive, take } from "./archived.ts";
import { nodeSql } from "./sqlite.ts";

const CONVERSATION = `g.${"0".repeat(32)}`;
const NOW = Date.UTC(2026, 10, 21);
export const RULE = { ...DEFAULT_SETTINGS, seal_events: 4, hot_events: 3, hot_days: 0, edit_window_ms: 0 };

export class World {
  readonly database = new DatabaseSync(":memory:");
  readonly archive: Archive = newArchive();
  store!: ConversationStore;
  state!: ConversationState;
  sealing!: Sealing;
  batches!: Batches;
  now = NOW;
  sent = 0;

  constructor() {
    this.store = new ConversationStore(nodeSql(this.database));
    createGroup(this.store, { conversation_id: CONVERSATION, creator_id: "ann", title: "t", members: ["bob"], max_members: 9, location_hint: null, jurisdiction: null }, NOW);
    this.wake();
  }

  /** A new instance on the same rows. */
  wake(): void {
    this.store = new ConversationStore(nodeSql(this.database));
    this.state = new ConversationState(this.store, this.store.readConversation() as ConversationRecord);
    this.sealing = new Sealing(this.store, this.state, {
      bucket: { put: async (key, ndjson) => void this.archive.bucket.set(key, ndjson), holds: async (key) => this.archive.bucket.has(key) },
      settings: () => RULE, now: () => this.now,
    });
    this.batches = new Batches(this.store, { conversation_id: CONVERSATION, epoch: 1 });
  }

  append(user: string, item: Record<string, unknown>): void {
    this.sent += 1;
    this.now += 1;
    const { events, erased } = appendItems(this.store, this.state, {
      conversation_id: CONVERSATION, sender_id: user, create: null, alone: false, items: [{ client_msg_id: `k${this.sent}`, device_id: null, ...item } as AppendItem],
    }, this.ports(), this.now);
    this.batches.forget(erased);
    if (events.length > 0) this.batches.remember(events.map((event) => ({ ...event, content_hash: null })));
  }

  erase(msgId: string): void {
    const result = eraseMessage(this.store, this.state, msgId, this.ports(), this.now);
    if (result.ok) this.batches.forget(result.erased);
    if (result.ok && result.event !== null) this.batches.remember([{ ...result.event, content_hash: null }]);
  }

  async seal(): Promise<void> {
    this.now += RULE.seal_after_ms + 1;
    await this.sealing.seal();
  }

  /** The archiver takes what is in the bucket, and what is outside the hot window is pruned. */
  archiveAll(): void {
    for (const [key, ndjson] of this.archive.bucket) {
      const head = take(this.archive, key, ndjson);
      if (this.sealing.acknowledged(head).ok) this.archive.bucket.delete(key);
    }
    this.sealing.prune(this.now + 1);
  }

  msgId(nth: number): string {
    return this.store.readMsgId((nth % this.state.head.seq) + 1) as string;
  }

  history(user: string): HistoryReply["events"] {
    const stay = this.state.members.get(user);
    if (stay === undefined) return [];
    return archivedBodies(this.archive, this.page(stay, { limit: 100, order: "asc" }).events);
  }

  /** As it is passed on, where it can be had as text: whatever is asked of history is asked of that. */
  page(stay: Stay, query: HistoryQuery): HistoryReply {
    const asText = readHistory(this.store, this.state, stay, query, null, true);
    if (!asText.ok) throw new Error(asText.code);
    return asText.page.text === undefined ? asText.page : (JSON.parse(asText.page.text) as HistoryReply);
  }

  private ports() {
    return { settings: () => RULE, erased: (seqs: readonly number[]) => this.sealing.erased(seqs) };
  }
}
