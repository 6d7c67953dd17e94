// A conversation that can lose its storage: the object's real parts on node:sqlite, a bucket, the embedded archive, and the archiver's
// commands between them. Any effect of a command can be the last one before it dies.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { gzipSync } from "node:zlib";
import { afterEach } from "vitest";
import { archiveRun } from "../../archiver/archive.ts";
import { type Audited, auditConversation } from "../../archiver/audit/audit.ts";
import { Budget } from "../../archiver/budget.ts";
import { TEXT_BYTES } from "../../archiver/checked-segment.ts";
import { AckRefused, type Edge, EdgeUnavailable } from "../../archiver/edge.ts";
import { restoreConversation, type RestoreOptions, type RestoreReport } from "../../archiver/restore/restore.ts";
import type { SegmentBucket } from "../../archiver/s3.ts";
import { SqliteStore } from "../../archiver/stores/sqlite.ts";
import { appendItems } from "../../durable-objects/conversation/append.ts";
import { createDirect, createGroup } from "../../durable-objects/conversation/create.ts";
import { eraseSender } from "../../durable-objects/conversation/erase-sender.ts";
import { contentHash } from "../../durable-objects/conversation/encode.ts";
import { Groups } from "../../durable-objects/conversation/groups.ts";
import { putMember, removeMember } from "../../durable-objects/conversation/members.ts";
import type { ConversationRecord } from "../../durable-objects/conversation/records.ts";
import { takeStep } from "../../durable-objects/conversation/restore-steps.ts";
import { isDoubted, Restoring } from "../../durable-objects/conversation/restoring.ts";
import { Sealing } from "../../durable-objects/conversation/seal.ts";
import { ConversationState } from "../../durable-objects/conversation/state.ts";
import { ConversationStore } from "../../durable-objects/conversation/store.ts";
import { readUnsealed } from "../../durable-objects/conversation/unsealed.ts";
import { toHex } from "../../durable-objects/platform/hash.ts";
import type { Role } from "../../protocol/events.ts";
import { isDirect } from "../../protocol/ids.ts";
import type { KnownHead } from "../../protocol/restore-calls.ts";
import type { AppendItem, Result } from "../../protocol/rpc.ts";
import { DEFAULT_SETTINGS } from "../../protocol/settings.ts";
import { nodeSql } from "../durable-objects/sqlite.ts";

export const AT = Date.UTC(2026, 10, 20, 12);
const RETENTION_S = 220_752_000;

const undo: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).toReversed()) await step();
});

export class Crash extends Error {}

/** Called behind each effect of a command; by throwing it takes the answer. */
export type After = (effect: string) => void | Promise<void>;

export class Losing {
  readonly id: string;
  readonly archive: SqliteStore;
  readonly bucket = new Map<string, { ndjson: string; metadata: Record<string, string> }>();
  readonly rule = { ...DEFAULT_SETTINGS, seal_events: 6, seal_after_ms: 1_000, hot_events: 5, hot_days: 0, edit_window_ms: 0, rate_limit: 0 };
  now = AT;
  /** Seqs whose rows the archive has lost. */
  readonly lostRows = new Set<number>();
  /** The edge is of a version that does not know the step. */
  refusesReceipts = false;
  /** What sessions have of it. */
  readonly inboxes = new Map<string, KnownHead>();
  #database = new DatabaseSync(":memory:");
  store: ConversationStore;
  state: ConversationState | null = null;
  sealing: Sealing | null = null;
  #sent = 0;
  readonly #folder: string;

  constructor(id: string) {
    this.id = id;
    const folder = mkdtempSync(path.join(tmpdir(), "confab-restore-"));
    this.#folder = folder;
    this.archive = new SqliteStore(folder, RETENTION_S, () => this.now);
    undo.push(() => this.archive.close(), () => rmSync(folder, { recursive: true }));
    this.store = new ConversationStore(nodeSql(this.#database));
    if (isDirect(id)) createDirect(this.store, id, ["ann", "bob"], null);
    else createGroup(this.store, { conversation_id: id, creator_id: "ann", title: "T", members: ["bob", "cyd"], max_members: 9, location_hint: "weur", jurisdiction: null }, AT);
    this.wake();
  }

  /** A new instance on the same rows. */
  wake(): void {
    this.store = new ConversationStore(nodeSql(this.#database));
    this.state = null;
    this.sealing = null;
    if (!this.store.exists()) return;
    const restore = new Restoring(this.store).read();
    if (restore === null || restore.state === "restored") this.#open();
  }

  /** The storage is gone. */
  wipe(): void {
    this.#database = new DatabaseSync(":memory:");
    this.wake();
  }

  /** As it is now; `rollBack` brings it back here. */
  snapshot(): () => void {
    const tables = this.store.sql.all("SELECT name, sql FROM sqlite_master WHERE type IN ('table', 'index') AND sql IS NOT NULL ORDER BY type DESC") as { name: string; sql: string }[];
    const rows = tables.filter(({ sql }) => sql.startsWith("CREATE TABLE")).map(({ name }) => ({ name, rows: this.store.sql.all(`SELECT * FROM ${name}`) }));
    return () => {
      this.#database = new DatabaseSync(":memory:");
      for (const { sql } of tables) this.#database.exec(sql);
      for (const { name, rows: all } of rows) {
        for (const row of all) this.#database.prepare(`INSERT INTO ${name} (${Object.keys(row).join(", ")}) VALUES (${Object.keys(row).map(() => "?").join(", ")})`).run(...(Object.values(row) as (string | number | null | Uint8Array)[]));
      }
      this.wake();
    };
  }

  #open(): void {
    this.state = new ConversationState(this.store, this.store.readConversation() as ConversationRecord);
    this.sealing = new Sealing(this.store, this.state, {
      bucket: {
        put: async (key, ndjson, metadata) => void this.bucket.set(key, { ndjson, metadata }),
        holds: async (key, sha256) => this.bucket.get(key)?.metadata["confab-sha256"] === sha256,
      },
      settings: () => this.rule, now: () => this.now, prunableSeq: () => Number.MAX_SAFE_INTEGER,
    });
  }

  get open(): { state: ConversationState; sealing: Sealing } {
    if (this.state === null || this.sealing === null) throw new Error("the conversation is not open");
    return { state: this.state, sealing: this.sealing };
  }

  append(user: string, item: Record<string, unknown>): void {
    const { state, sealing } = this.open;
    this.#sent += 1;
    this.now += 1;
    appendItems(this.store, state, {
      conversation_id: this.id, sender_id: user, create: null, alone: false, items: [{ client_msg_id: `k${this.#sent}`, device_id: null, ...item } as AppendItem],
    }, { settings: () => this.rule, erased: (seqs) => sealing.erased(seqs) }, this.now);
    this.settle();
  }

  say(user: string, content: string, more: object = {}): void {
    this.append(user, { content, content_type: "text", ...more });
  }

  /** All that somebody wrote is erased, and they leave. */
  eraseSender(user: string): void {
    const { state, sealing } = this.open;
    for (let after: number | null = 0; after !== null;) {
      this.now += 1;
      after = eraseSender(this.store, state, { user_id: user, after, dry_run: false }, { settings: () => this.rule, erased: (seqs) => sealing.erased(seqs) }, this.now).erased.next;
    }
    this.settle();
  }

  put(user: string, role: Role | null): void {
    this.now += 1;
    putMember(this.store, this.open.state, { actor_id: null, user_id: user, role }, this.now);
    this.settle();
  }

  remove(user: string): void {
    this.now += 1;
    removeMember(this.store, this.open.state, { actor_id: null, user_id: user }, this.now);
    this.settle();
  }

  configure(change: { title?: string; history?: "joined" | "all" }): void {
    const owner = [...this.open.state.members.values()].find(({ role }) => role === "owner")?.user_id;
    if (owner === undefined) return;
    this.now += 1;
    new Groups(this.store, this.open.state).configure({ actor_id: owner, ...change }, this.now);
    this.settle();
  }

  /** Every member's inbox has it. */
  settle(): void {
    const { record, head, members } = this.open.state;
    for (const user of members.keys()) this.inboxes.set(user, { epoch: record.epoch, seq: head.seq });
  }

  async seal(): Promise<void> {
    this.now += this.rule.seal_after_ms + 1;
    await this.open.sealing.seal();
  }

  /** The archiver takes what waits; `most` segments. */
  async archiveAll(most = Number.POSITIVE_INFINITY): Promise<void> {
    await this.archive.open();
    const keys = [...this.bucket.keys()].toSorted((a, b) => Number(/(\d+)-\d+\./.exec(a)?.[1]) - Number(/(\d+)-\d+\./.exec(b)?.[1]));
    for (const key of keys.slice(0, most)) {
      try {
        await archiveRun([key], { bucket: this.#objects(), store: this.archive, edge: this.edge(), retentionS: RETENTION_S, texts: new Budget(TEXT_BYTES), now: () => this.now, checkpoint: () => undefined });
      } catch (error) {
        // A deletion has planned it anew: what lies there is not put again yet.
        if (!(error instanceof AckRefused)) throw error;
      }
    }
  }

  #objects(after: After = () => undefined): SegmentBucket {
    const { bucket } = this;
    const listed = (behind: string) => [...bucket.keys()].filter((key) => key > behind).toSorted().map((key) => ({ key, size: 1, etag: "", modified_at: 0 }));
    return {
      async *list() {
        yield listed("");
      },
      // Small pages, so that paging is tried.
      page: async (behind) => {
        const page = { objects: listed(behind).slice(0, 2), more: listed(behind).length > 2 };
        await after("bucket.page");
        return page;
      },
      read: async (key) => {
        const object = bucket.get(key);
        await after("bucket.read");
        return object === undefined ? null : { metadata: object.metadata, bytes: gzipSync(object.ndjson) };
      },
      delete: async (key) => {
        bucket.delete(key);
        await after("bucket.delete");
      },
      put: async () => {
        throw new Error("a restore puts nothing");
      },
      close: () => undefined,
    };
  }

  edge(after: After = () => undefined): Edge {
    const expectOk = <T>(result: Result<T>): T => {
      if (!result.ok) throw new AckRefused(409, `${result.code}: ${result.message ?? ""}`);
      return result;
    };
    const done = async <T>(effect: string, value: T): Promise<T> => {
      await after(effect);
      return value;
    };
    return {
      ack: async (head) => ({ archived_seq: expectOk(this.open.sealing.acknowledged(head)).archived_seq }),
      wrong: async () => false,
      holdFiles: () => Promise.reject(new Error("no message here has a file")),
      chain: async (query) => this.open.sealing.chain.read(query),
      links: async ({ from, to }) => done("edge.links", this.open.sealing.chain.links(from, to)),
      unsealed: async ({ from }) => done("edge.unsealed", readUnsealed(this.store, this.readable, from)),
      restore: async (step) => {
        if (this.refusesReceipts && step.step === "receipts") throw new AckRefused(400, "bad_request");
        const { restore } = expectOk(await takeStep(step, {
          store: () => this.store, own: () => this.own,
          compare: (known) => known !== null && this.state !== null && isDoubted(this.store, this.id, this.own, known, "archive", this.now) && this.close(),
          close: () => this.close(), revive: () => this.#open(),
          knownBy: async (user) => this.inboxes.get(user) ?? null, settings: () => this.rule, now: () => this.now,
        }));
        return done(`edge.restore ${step.step}`, restore);
      },
    };
  }

  get own(): KnownHead | null {
    return this.state === null ? null : { epoch: this.state.record.epoch, seq: this.state.head.seq };
  }

  /** What is there, well or not. */
  get readable(): ConversationState {
    return this.state ?? new ConversationState(this.store, this.store.readConversation() as ConversationRecord);
  }

  close(): void {
    this.state = null;
    this.sealing = null;
  }

  async restore(options: Partial<RestoreOptions> = {}, after: After = () => undefined): Promise<RestoreReport> {
    await this.archive.open();
    const store = new Proxy(this.archive, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== "function" || name === "conversations") return member;
        return async (...given: unknown[]) => {
          const answer: unknown = await Reflect.apply(member, target, given);
          await after(`store.${String(name)}`);
          return name === "scan" ? (answer as { seq: number | null }[]).filter(({ seq }) => seq === null || !this.lostRows.has(seq)) : answer;
        };
      },
    });
    return restoreConversation(this.id, { force: false, members: null, upTo: null, acceptLoss: false, ...options }, {
      store, bucket: this.#objects(after), edge: this.edge(after), retentionS: RETENTION_S, now: () => this.now, checkpoint: () => undefined,
    });
  }

  /** An archiver takes what waits, having looked at the epochs before the last one began. */
  async archiveBehind(): Promise<void> {
    const store = new Proxy(this.archive, {
      get: (target, name) => {
        if (name === "epochs") return async () => [];
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === "function" ? (member.bind(target) as unknown) : member;
      },
    });
    for (const key of this.bucket.keys()) {
      await archiveRun([key], { bucket: this.#objects(), store, edge: this.edge(), retentionS: RETENTION_S, texts: new Budget(TEXT_BYTES), now: () => this.now, checkpoint: () => undefined });
    }
  }

  /** Behind the archiver's back. */
  async alterRow(seq: number, fields: Record<string, string | number | null>): Promise<void> {
    await this.archive.close();
    const db = new DatabaseSync(path.join(this.#folder, "archive.sqlite"));
    for (const [name, value] of Object.entries(fields)) {
      db.prepare(`UPDATE messages SET ${name} = ${name === "content_hash" ? "unhex(?)" : "?"} WHERE seq = ?`).run(value, seq);
    }
    db.close();
    await this.archive.open();
  }

  audit({ alone = false } = {}): Promise<Audited> {
    const edge = alone ? { chain: () => Promise.reject(new EdgeUnavailable("down")), links: () => Promise.reject(new EdgeUnavailable("down")) } : this.edge();
    return auditConversation(this.id, { store: this.archive, edge, retentionS: RETENTION_S, now: () => this.now, signal: new AbortController().signal, thorough: true });
  }

  /** Everything that counts of a conversation, for comparing. */
  picture(upTo = Number.MAX_SAFE_INTEGER): object {
    const { store } = this;
    const place = { conversation_id: this.id, epoch: 1 };
    const { title, kind, max_members, location_hint, encryption, history } = this.readable.record;
    return {
      record: { title, kind, max_members, location_hint, encryption, history },
      events: store.readRange(1, upTo, 100_000, "asc").map((row) => ({
        seq: row.seq, msg_id: row.msg_id, msg_no: row.msg_no, type: row.type, sender_id: row.sender_id, client_msg_id: row.client_msg_id, content_type: row.content_type,
        target_seq: row.target_seq, hash: row.content_hash === null ? contentHash(place, row) : toHex(row.content_hash),
      })),
      stays: store.sql.all("SELECT user_id, joined_seq, left_seq, role FROM stays ORDER BY user_id, joined_seq"),
      changes: store.sql.all("SELECT seq, edited_seq, deleted_seq, replies FROM changes WHERE replies <> 0 OR edited_seq IS NOT NULL OR deleted_seq IS NOT NULL ORDER BY seq"),
      reactions: store.sql.all("SELECT target_seq, emoji, user_id, seq FROM reactions ORDER BY target_seq, emoji, user_id"),
    };
  }
}

/** A conversation of ann and bob with `count` messages, all of them archived. */
export async function filled(id: string, count = 20): Promise<Losing> {
  const conversation = new Losing(id);
  for (let i = 1; i <= count; i += 1) conversation.say(i % 2 === 0 ? "ann" : "bob", `message ${i}`);
  await conversation.seal();
  await conversation.archiveAll();
  return conversation;
}
