// A conversation, its bucket, its archive and what an operator's command sees of them: real stores, and every effect of the command
// can be the one behind which, or before which, the process dies.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { gunzipSync, gzipSync } from "node:zlib";
import { archiveRun } from "../../archiver/archive.ts";
import { Budget } from "../../archiver/budget.ts";
import { TEXT_BYTES, WrongSegment } from "../../archiver/checked-segment.ts";
import { AckRefused } from "../../archiver/edge.ts";
import { erase, type Erasure } from "../../archiver/erase/command.ts";
import { PeopleEdge } from "../../archiver/people-edge.ts";
import type { ListedObject, SegmentBucket, StoredObject } from "../../archiver/s3.ts";
import { SqliteStore } from "../../archiver/stores/sqlite.ts";
import { appendItems } from "../../durable-objects/conversation/append.ts";
import { createGroup } from "../../durable-objects/conversation/create.ts";
import { eraseSender } from "../../durable-objects/conversation/erase-sender.ts";
import { exportPart } from "../../durable-objects/conversation/exports.ts";
import type { ConversationRecord } from "../../durable-objects/conversation/records.ts";
import { Sealing } from "../../durable-objects/conversation/seal.ts";
import { ConversationState } from "../../durable-objects/conversation/state.ts";
import { ConversationStore } from "../../durable-objects/conversation/store.ts";
import type { EraseConversationCall } from "../../protocol/rpc/erasure.ts";
import type { ExportConversationCall } from "../../protocol/rpc/exports.ts";
import type { AppendItem } from "../../protocol/rpc.ts";
import { DEFAULT_SETTINGS } from "../../protocol/settings.ts";
import { nodeSql } from "../durable-objects/sqlite.ts";
import * as v from "valibot";

export const GROUP = `g.${"0".repeat(32)}`;
const NOW = Date.UTC(2026, 10, 21);
const RETENTION_S = 220_752_000;
const RULE = { ...DEFAULT_SETTINGS, seal_events: 4, seal_after_ms: 1_000, hot_events: 3, hot_days: 0, edit_window_ms: 0 };

/** The process ended. */
export class Killed extends Error {}

/** Ends the process before or behind its nth effect. */
export class Tripwire {
  effects = 0;
  private readonly at: number;
  private readonly behind: boolean;

  constructor(at: number, behind: boolean) {
    this.at = at;
    this.behind = behind;
  }

  get fired(): boolean {
    return this.effects >= this.at;
  }

  async effect<T>(work: () => Promise<T>): Promise<T> {
    this.effects += 1;
    if (this.effects === this.at && !this.behind) throw new Killed();
    const result = await work();
    if (this.effects === this.at) throw new Killed();
    return result;
  }
}

export class World {
  readonly folder = mkdtempSync(path.join(tmpdir(), "confab-erasing-"));
  readonly database = new DatabaseSync(":memory:");
  readonly archive: SqliteStore;
  readonly objects = new Map<string, StoredObject>();
  /** Copies of segments as they once were. */
  readonly older: [string, StoredObject][] = [];
  now = NOW;
  /** Whether the conversation is on its members' lists. */
  listed = true;
  store!: ConversationStore;
  state!: ConversationState;
  sealing!: Sealing;
  private sent = 0;

  private constructor() {
    this.archive = new SqliteStore(this.folder, RETENTION_S, () => this.now);
    this.store = new ConversationStore(nodeSql(this.database));
    createGroup(this.store, { conversation_id: GROUP, creator_id: "ann", title: "t", members: ["bob"], max_members: 9, location_hint: null, jurisdiction: null }, NOW);
    this.wake();
  }

  static async make(): Promise<World> {
    const world = new World();
    await world.archive.open();
    return world;
  }

  async close(): Promise<void> {
    await this.archive.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  wake(): void {
    this.store = new ConversationStore(nodeSql(this.database));
    this.state = new ConversationState(this.store, this.store.readConversation() as ConversationRecord);
    this.sealing = new Sealing(this.store, this.state, {
      bucket: {
        put: async (key, ndjson, metadata) => {
          this.objects.set(key, { bytes: gzipSync(ndjson), metadata });
          this.older.push([key, { bytes: gzipSync(ndjson), metadata }]);
        },
        holds: async (key, sha256) => this.objects.get(key)?.metadata["confab-sha256"] === sha256,
      },
      settings: () => RULE, now: () => this.now,
    });
  }

  append(user: string, item: Record<string, unknown>): void {
    this.sent += 1;
    this.now += 1;
    appendItems(this.store, this.state, {
      conversation_id: GROUP, sender_id: user, create: null, alone: false, items: [{ client_msg_id: `k${this.sent}`, device_id: null, ...item } as AppendItem],
    }, this.ports(), this.now);
  }

  msgId(nth: number): string {
    return this.store.readMsgId((nth % this.state.head.seq) + 1) as string;
  }

  async seal(): Promise<void> {
    this.now += RULE.seal_after_ms + 1;
    await this.sealing.seal();
  }

  /** An archiver's pass over what is in the bucket. What is wrong or refused stays there. */
  async archiveAll(store: SqliteStore = this.archive): Promise<void> {
    const bucket = this.bucket();
    for (const key of Array.from(this.objects.keys())) {
      try {
        await archiveRun([key], {
          bucket, store, retentionS: RETENTION_S, texts: new Budget(TEXT_BYTES), now: () => this.now, checkpoint: () => undefined,
          edge: {
            ack: async (head) => {
              const result = this.sealing.acknowledged(head);
              if (!result.ok) throw new AckRefused(409, result.code);
              return { archived_seq: result.archived_seq };
            },
            wrong: () => Promise.reject(new Error("not told here")),
            holdFiles: () => Promise.reject(new Error("no message here has a file")),
          },
        });
      } catch (error) {
        if (!(error instanceof WrongSegment) && !(error instanceof AckRefused)) throw error;
      }
    }
    this.sealing.prune(this.now + 1);
  }

  /** The command, as far as the tripwire lets it; null: it was killed. */
  async erase(user_id: string, tripwire = new Tripwire(Number.POSITIVE_INFINITY, false), dropUnreadable = true): Promise<Erasure | null> {
    const store = this.storeWith((name, work) => (name === "write" || name === "recordErased" ? tripwire.effect(work) : work()));
    try {
      return await erase({
        edge: this.edge(tripwire), store, bucket: this.bucket(tripwire), user_id, dryRun: false, dropUnreadable, scrubs: false, retentionS: RETENTION_S,
        now: () => this.now, signal: new AbortController().signal, checkpoint: () => undefined,
      });
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      return null;
    }
  }

  /** The archive, with something around each of its calls. */
  storeWith(around: (name: string, work: () => Promise<unknown>) => Promise<unknown>): SqliteStore {
    const { archive } = this;
    return new Proxy(archive, {
      get: (_target, name: keyof SqliteStore) => {
        const method = archive[name];
        if (typeof method !== "function") return method;
        const bound = (method as (...args: unknown[]) => Promise<unknown>).bind(archive);
        return (...args: unknown[]) => around(name, () => bound(...args));
      },
    });
  }

  edge(tripwire = new Tripwire(Number.POSITIVE_INFINITY, false)): PeopleEdge {
    const call = async <T>(what: string, body: object, schema: v.GenericSchema<unknown, T>): Promise<T> => {
      const given = body as Record<string, unknown>;
      const answer = () => this.answer(what, given);
      const changes = what.startsWith("erase/") && given["dry_run"] !== true;
      return v.parse(schema, await (changes ? tripwire.effect(answer) : answer()));
    };
    return new PeopleEdge({ call }, new AbortController().signal);
  }

  private async answer(what: string, body: Record<string, unknown>): Promise<object> {
    switch (what) {
      case "erase/user":
        return { at: this.now, profile: false, devices: 0, previews: 0, untold: 0 };
      case "export/user":
        return { account: {}, devices: [], blocks: [] };
      case "erase/reports":
        return { reports: 0 };
      case "export/inbox":
        return { rows: this.listed ? [{ conversation_id: GROUP, left_at: null }] : [], next: null };
      case "export/conversation":
        return exportPart(this.store, this.state, body as unknown as ExportConversationCall);
      case "erase/conversation": {
        this.now += 1;
        const call = body as unknown as EraseConversationCall;
        const segments = call.step === "put_again" ? this.sealing.putAllAgain() : 0;
        const erased = call.step === "sender" ? eraseSender(this.store, this.state, call, this.ports(), this.now).erased : null;
        const unput = this.sealing.unput;
        // Its alarm, soon after.
        await this.sealing.seal();
        return erased === null ? { segments } : { erased: { ...erased, unput } };
      }
      default:
        throw new Error(`nothing here answers ${what}`);
    }
  }

  private bucket(tripwire = new Tripwire(Number.POSITIVE_INFINITY, false)): SegmentBucket {
    const { objects } = this;
    return {
      async *list(): AsyncGenerator<ListedObject[]> {
        yield [...objects].map(([key, { bytes }]) => ({ key, size: bytes.length, etag: "", modified_at: NOW }));
      },
      page: () => Promise.reject(new Error("not listed by pages here")),
      read: async (key) => objects.get(key) ?? null,
      put: (key, object) => tripwire.effect(async () => void objects.set(key, object)),
      delete: (key) => tripwire.effect(async () => void objects.delete(key)),
      close: () => undefined,
    };
  }

  private ports() {
    return { settings: () => RULE, erased: (seqs: readonly number[]) => this.sealing.erased(seqs) };
  }

  /** All that is kept anywhere, as text. */
  everything(): string {
    const objects = [...this.objects].map(([key, { bytes }]) => `${key}\n${textOf(bytes)}`);
    return [rowsOf(this.database), this.archived(), ...objects].join("\n");
  }

  archived(): string {
    const archive = new DatabaseSync(path.join(this.folder, "archive.sqlite"), { readOnly: true });
    try {
      return rowsOf(archive);
    } finally {
      archive.close();
    }
  }
}

function rowsOf(database: DatabaseSync): string {
  const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all() as { name: string }[];
  return tables.map(({ name }) => JSON.stringify(database.prepare(`SELECT * FROM "${name}"`).all())).join("\n");
}

function textOf(bytes: Uint8Array): string {
  try {
    return gunzipSync(bytes).toString();
  } catch {
    return Buffer.from(bytes).toString("latin1");
  }
}
