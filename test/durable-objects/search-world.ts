// One conversation over real stores with its index and an archive, which dies on command between any two writes.
import { DatabaseSync } from "node:sqlite";
import { appendItems } from "../../durable-objects/conversation/append.ts";
import { createGroup } from "../../durable-objects/conversation/create.ts";
import { putMember } from "../../durable-objects/conversation/members.ts";
import type { ConversationRecord } from "../../durable-objects/conversation/records.ts";
import { Sealing } from "../../durable-objects/conversation/seal.ts";
import { findMessages } from "../../durable-objects/conversation/search/find.ts";
import { Indexing } from "../../durable-objects/conversation/search/indexing.ts";
import { ConversationState } from "../../durable-objects/conversation/state.ts";
import { ConversationStore } from "../../durable-objects/conversation/store.ts";
import type { Sql } from "../../durable-objects/platform/sql.ts";
import type { Encryption, Event } from "../../protocol/events.ts";
import type { AppendItem } from "../../protocol/rpc.ts";
import type { SearchCall, SearchPosition } from "../../protocol/rpc/search.ts";
import { DEFAULT_SETTINGS } from "../../protocol/settings.ts";
import { type Archive, archivedBodies, newArchive, take } from "./archived.ts";
import { nodeSql } from "./sqlite.ts";

export const CONVERSATION = `g.${"0".repeat(32)}`;
const NOW = Date.UTC(2026, 10, 21);

export class Died extends Error {}

export interface Hit {
  seq: number;
  content: string;
}

export class SearchWorld {
  readonly archive: Archive = newArchive();
  readonly settings = { ...DEFAULT_SETTINGS, seal_events: 6, hot_events: 3, hot_days: 0, edit_window_ms: 0, search_tidy_after_ms: 0 };
  readonly database: DatabaseSync;
  store!: ConversationStore;
  state!: ConversationState;
  sealing!: Sealing;
  indexing!: Indexing;
  now = NOW;
  /** Writes until it dies; null: it lives. */
  private left: number | null = null;
  private sent = 0;

  constructor(encryption: Encryption = "none", file = ":memory:") {
    this.database = new DatabaseSync(file);
    this.store = new ConversationStore(this.mortal());
    createGroup(this.store, { conversation_id: CONVERSATION, creator_id: "ann", title: "t", members: ["bob"], max_members: 9, location_hint: null, jurisdiction: null, encryption }, NOW);
    this.wake();
  }

  /** A new instance on the same rows. */
  wake(): void {
    this.left = null;
    this.store = new ConversationStore(this.mortal());
    this.state = new ConversationState(this.store, this.store.readConversation() as ConversationRecord);
    const ports = { settings: () => this.settings, now: () => this.now };
    this.indexing = new Indexing(this.store, this.state, { ...ports, pause: async () => undefined });
    this.sealing = new Sealing(this.store, this.state, {
      ...ports, bucket: { put: async (key, ndjson) => void this.archive.bucket.set(key, ndjson), holds: async () => true }, prunableSeq: () => this.indexing.prunableSeq,
    });
  }

  /** Does something, and dies behind the nth write of it. @returns whether it lived */
  async dying(writes: number | null, act: () => unknown): Promise<boolean> {
    this.left = writes;
    try {
      await act();
      this.left = null;
      return true;
    } catch (error) {
      if (!(error instanceof Died)) throw error;
      this.wake();
      return false;
    }
  }

  append(user: string, item: Record<string, unknown>): { seq: number } | null {
    this.sent += 1;
    this.now += 1;
    const ports = {
      settings: () => this.settings,
      erased: (seqs: readonly number[]) => {
        this.sealing.erased(seqs);
        this.indexing.forget(seqs);
      },
    };
    const { answers } = appendItems(this.store, this.state, {
      conversation_id: CONVERSATION, sender_id: user, create: null, alone: false, items: [{ client_msg_id: `k${this.sent}`, device_id: null, ...item } as AppendItem],
    }, ports, this.now);
    const [answer] = answers;
    return answer?.ok === true ? { seq: answer.ack.seq } : null;
  }

  say(user: string, content: string): number {
    return (this.append(user, { content, content_type: "text" }) as { seq: number }).seq;
  }

  edit(user: string, seq: number, content: string): boolean {
    return this.append(user, { type: "edit", target_msg_id: this.store.readMsgId(seq), content }) !== null;
  }

  delete(user: string, seq: number): boolean {
    return this.append(user, { type: "delete", target_msg_id: this.store.readMsgId(seq) }) !== null;
  }

  join(user: string): void {
    putMember(this.store, this.state, { actor_id: "ann", user_id: user, role: null }, this.now);
  }

  async index(): Promise<void> {
    if ((this.indexing.due(this.now) ?? Infinity) <= this.now) await this.indexing.run();
  }

  async seal(): Promise<void> {
    this.now += this.settings.seal_after_ms + 1;
    await this.sealing.seal();
  }

  /** The archiver takes what is in the bucket. */
  archiveAll(): void {
    for (const [key, ndjson] of this.archive.bucket) if (this.sealing.acknowledged(take(this.archive, key, ndjson)).ok) this.archive.bucket.delete(key);
  }

  prune(): void {
    if ((this.sealing.pruneDue(this.now) ?? Infinity) <= this.now) this.sealing.prune(this.now + 1);
  }

  async tidy(): Promise<void> {
    for (let tries = 0; (this.indexing.tidyDue(this.now) ?? Infinity) <= this.now; tries += 1) {
      if (tries > 3) throw new Error("it is never tidy");
      await this.indexing.tidy();
    }
  }

  find(user: string, call: Partial<SearchCall> & { q: string }): ReturnType<typeof findMessages> {
    const stay = this.state.members.get(user);
    if (stay === undefined) return { ok: false, code: "not_found" };
    return findMessages(this.store, this.state, this.indexing, stay, { user_id: user, order: "newest", limit: 3, after: null, ...call });
  }

  /** All pages, each hit as the Worker would fill it. */
  findAll(user: string, call: Partial<SearchCall> & { q: string }): Hit[] {
    const hits: Hit[] = [];
    for (let after: SearchPosition | null = null; ; ) {
      const page = this.find(user, { ...call, after });
      if (!page.ok) throw new Error(page.code);
      const events = archivedBodies(this.archive, page.hits.map(({ event }) => event)) as Event[];
      hits.push(...events.map((event) => ({ seq: event.seq, content: event.type === "msg" ? event.content : event.type })));
      if (!page.more) return hits;
      const last = page.hits.at(-1) as (typeof page.hits)[number];
      after = { tier: last.tier, msg_id: (last.event as Event).msg_id };
    }
  }

  /** All bytes of the index's pages, as text. */
  indexText(): string {
    return this.database.prepare("SELECT block FROM words_data").all().map((row) => Buffer.from(row["block"] as Uint8Array).toString("latin1")).join("\n");
  }

  private mortal(): Sql {
    const sql = nodeSql(this.database);
    const tick = (): void => {
      if (this.left === null) return;
      if (this.left === 0) throw new Died();
      this.left -= 1;
    };
    return {
      all: (query, ...bindings) => sql.all(query, ...bindings),
      values: (query, ...bindings) => sql.values(query, ...bindings),
      run: (query, ...bindings) => {
        tick();
        sql.run(query, ...bindings);
      },
      transaction: (change) => sql.transaction(change),
      get rowsWritten() {
        return sql.rowsWritten;
      },
    };
  }
}
