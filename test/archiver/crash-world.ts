// Both sides of the archive in one process, a conversation's object and an archiver, over a bucket in memory and the embedded
// store. Either side can die between any two effects, calls get lost on either way, PUTs arrive late, and the bucket loses and alters.
import { DatabaseSync } from "node:sqlite";
import { gzipSync } from "node:zlib";
import type { Edge } from "../../archiver/edge.ts";
import { AckRefused, EdgeUnavailable } from "../../archiver/edge.ts";
import { Archiver } from "../../archiver/loop.ts";
import { ALONE } from "../../archiver/membership.ts";
import { newMetrics } from "../../archiver/metrics.ts";
import { BucketUnavailable, type ListedObject, type SegmentBucket, type StoredObject } from "../../archiver/s3.ts";
import { type ArchiveStore, StoreUnavailable } from "../../archiver/stores/store.ts";
import { appendItems } from "../../durable-objects/conversation/append.ts";
import { createDirect } from "../../durable-objects/conversation/create.ts";
import type { ConversationRecord, EventRecord } from "../../durable-objects/conversation/records.ts";
import { Sealing } from "../../durable-objects/conversation/seal.ts";
import { toSegmentEvent } from "../../durable-objects/conversation/segment-line.ts";
import { ConversationState } from "../../durable-objects/conversation/state.ts";
import { ConversationStore } from "../../durable-objects/conversation/store.ts";
import type { SegmentEvent } from "../../protocol/segment.ts";
import { DEFAULT_SETTINGS } from "../../protocol/settings.ts";
import { nodeSql } from "../durable-objects/sqlite.ts";
import { Interleaving } from "./interleaving.ts";
import { sha256 } from "./segments.ts";

const START = Date.UTC(2026, 9, 31, 23, 59, 58);
const RULE = { ...DEFAULT_SETTINGS, seal_events: 4, seal_after_ms: 1_000, hot_events: 2, hot_days: 0, reseal_after_ms: 60_000 };

/** The process dies here. */
export class Crash extends Error {}

/** What becomes of one effect: it is not done, or it is and nobody hears of it; and its process may die of it. */
export type Fate = "done" | "crash_before" | "crash_after" | "fail_before" | "fail_after";

interface Lying extends StoredObject {
  version: number;
  modified_at: number;
}

/** Neighbouring seeds have nothing in common. */
export function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

interface ArchiverProcess {
  archiver: Archiver;
  store: ArchiveStore;
}

export class CrashWorld {
  readonly conversation: string;
  readonly below: (below: number) => number;
  readonly #database = new DatabaseSync(":memory:");
  readonly #newStore: () => ArchiveStore;
  readonly bucket = new Map<string, Lying>();
  /** PUTs that are still on their way. */
  readonly #late: (() => void)[] = [];
  /** Every event as it was acknowledged, by seq from 1. */
  readonly acknowledged: SegmentEvent[] = [];
  readonly deleted = new Set<number>();
  #versions = 0;
  #sent = 0;
  now = START;
  /** How far the archiver's clock is off, ms. */
  skew = 0;
  crashes = 0;
  /** Every effect, in order: by which archiver, and what became of it. */
  readonly trace: string[] = [];
  /** The fate of the next effects; empty: all is done. */
  fates: (effect: string) => Fate = () => "done";
  store!: ConversationStore;
  state!: ConversationState;
  sealing!: Sealing;
  #process: ArchiverProcess;
  /** Before each effect of an archiver: where there are two, each gives way to the other. */
  #turn: (process: number) => Promise<void> = async () => undefined;

  constructor(seed: number, newStore: () => ArchiveStore) {
    this.conversation = `d.${sha256(`crash ${seed}`)}`;
    this.below = random(seed);
    this.#newStore = newStore;
    const store = new ConversationStore(nodeSql(this.#database));
    createDirect(store, this.conversation, ["ann", "bob"], null);
    this.wake();
    this.#process = this.#newProcess(0);
  }

  /** The end of the world: its archiver's connection goes. */
  async close(): Promise<void> {
    await this.#process.store.close();
  }

  /** The object dies and wakes: all that is not in its rows is gone. */
  wake(): void {
    this.store = new ConversationStore(nodeSql(this.#database));
    this.state = new ConversationState(this.store, this.store.readConversation() as ConversationRecord);
    this.sealing = new Sealing(this.store, this.state, {
      bucket: {
        put: (key, ndjson, metadata) => this.#objects("put", async () => this.#put(key, ndjson, metadata)),
        holds: (key, hash) => this.#objects("holds", async () => this.bucket.get(key)?.metadata["confab-sha256"] === hash),
      },
      settings: () => RULE, now: () => this.now,
    });
  }

  append(count: number): void {
    const items = Array.from({ length: count }, () => ({ client_msg_id: `k${this.#sent}`, device_id: null, content: `message ${this.#sent++} of ${this.conversation}`, content_type: "text" as const }));
    this.#append(items);
  }

  delete(seq: number): void {
    if (this.deleted.has(seq) || this.acknowledged[seq - 1]?.type !== "msg") return;
    this.#append([{ type: "delete" as const, client_msg_id: `d${seq}`, device_id: null, target_msg_id: this.acknowledged[seq - 1]?.msg_id as string }]);
    this.deleted.add(seq);
  }

  /** What the alarm does. A failure or a crash is its own to come back from. */
  async alarm(): Promise<void> {
    const due = this.sealing.sealDue(this.now);
    if (due !== null && due <= this.now) await this.sealing.seal().catch((error: unknown) => this.#survived(error, () => this.wake()));
    this.prune();
  }

  prune(): void {
    const due = this.sealing.pruneDue(this.now);
    if (due === null || due > this.now) return;
    this.sealing.prune(this.now);
    if (this.state.marks.pruned_seq > this.state.marks.archived_seq) throw new Error("pruned what is not archived");
  }

  /** One pass; an archiver that dies is started again. */
  async pass(): Promise<void> {
    const { archiver, store } = this.#process;
    await archiver.pass().catch((error: unknown) => this.#survived(error, () => (this.#process = this.#newProcess(0))));
    if (this.#process.store !== store) await store.close();
  }

  /** Two archivers at once on the same segments, each giving way to the other at its effects, as the seed says. */
  async passTogether(): Promise<void> {
    const interleaving = new Interleaving(this.below);
    this.#turn = (process) => interleaving.turn(process);
    const other = this.#newProcess(1);
    await interleaving.together([() => this.pass(), () => other.archiver.pass().then(() => undefined, (error: unknown) => this.#survived(error, () => undefined))]);
    await other.store.close();
    this.#turn = async () => undefined;
  }

  deliverLate(): void {
    for (const put of this.#late.splice(0)) put();
  }

  /** An object of the bucket, if there is any, chosen at random. */
  any(): [string, Lying] | undefined {
    const all = [...this.bucket];
    return all[this.below(all.length)];
  }

  alter(): void {
    const found = this.any();
    if (found === undefined) return;
    const [key, object] = found;
    const at = this.below(object.bytes.length);
    const bytes = this.below(2) === 0 ? object.bytes.subarray(0, at) : object.bytes.map((byte, i) => (i === at ? byte ^ (1 + this.below(255)) : byte));
    this.#lay(key, { bytes, metadata: this.below(4) === 0 ? {} : object.metadata });
  }

  lose(): void {
    const found = this.any();
    if (found !== undefined) this.bucket.delete(found[0]);
  }

  /** An object that was archived, or is about to be, comes once more. */
  double(): void {
    const found = this.any();
    if (found !== undefined) this.#late.push(() => this.#lay(...found));
  }

  /** @param place of two */
  #newProcess(place: number): ArchiverProcess {
    const store = this.#newStore();
    const alive = { dead: false, place };
    const through = <T>(effect: string, unavailable: new (cause: unknown) => Error, work: () => Promise<T>) => this.#effect(effect, alive, unavailable, work);
    const guarded = new Proxy(store, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== "function" || name === "close") return member;
        return (...given: unknown[]) => through(`store.${String(name)}`, StoreUnavailable, async () => Reflect.apply(member, target, given) as unknown);
      },
    });
    const archiver = new Archiver({
      store: guarded, bucket: this.#archiverBucket(through), edge: this.#edge(through), metrics: newMetrics(), retentionS: 220_752_000, pollMs: 3_600_000, pollMaxMs: 3_600_000, sharing: ALONE,
      now: () => this.now + this.skew, random: () => this.below(1_000) / 1_000,
    }, new AbortController().signal);
    return { archiver, store };
  }

  #archiverBucket(through: <T>(effect: string, unavailable: new (cause: unknown) => Error, work: () => Promise<T>) => Promise<T>): SegmentBucket {
    const bucket = this.bucket;
    const listed = (): ListedObject[] => [...bucket].toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, { bytes, version, modified_at }]) => ({ key, size: bytes.length, etag: `"${version}"`, modified_at }));
    return {
      async *list() {
        yield await through("bucket.list", BucketUnavailable, async () => listed());
      },
      page: (after) => through("bucket.list", BucketUnavailable, async () => ({ objects: listed().filter(({ key }) => key > after), more: false })),
      read: (key) => through("bucket.read", BucketUnavailable, async () => bucket.get(key) ?? null),
      put: () => Promise.reject(new Error("an archiver puts nothing")),
      delete: (key) => through("bucket.delete", BucketUnavailable, async () => void bucket.delete(key)),
      close: () => undefined,
    };
  }

  #edge(through: <T>(effect: string, unavailable: new (cause: unknown) => Error, work: () => Promise<T>) => Promise<T>): Pick<Edge, "ack" | "wrong" | "holdFiles"> {
    return {
      holdFiles: () => Promise.reject(new Error("nobody holds anything here")),
      ack: (head) => through("edge.ack", EdgeUnavailable, async () => {
        const result = this.sealing.acknowledged(head);
        if (!result.ok) throw new AckRefused(409, result.code);
        return { archived_seq: result.archived_seq };
      }),
      wrong: (report) => through("edge.wrong", EdgeUnavailable, async () => {
        const result = this.sealing.reportedWrong(report);
        if (!result.ok) throw new AckRefused(409, result.code);
        return result.put_again;
      }),
    };
  }

  /** A process that has died does nothing any more, whatever it had in hand. */
  async #effect<T>(effect: string, alive: { dead: boolean; place: number }, unavailable: new (cause: unknown) => Error, work: () => Promise<T>): Promise<T> {
    await this.#turn(alive.place);
    if (alive.dead) throw new Crash(effect);
    const fate = this.fates(effect);
    this.trace.push(`${alive.place} ${effect} ${fate}`);
    const die = (): never => {
      alive.dead = true;
      this.crashes += 1;
      throw new Crash(effect);
    };
    if (fate === "crash_before") die();
    if (fate === "fail_before") throw new unavailable(`${effect} fails`);
    const answer = await work();
    // What was waited for belongs to a process that died meanwhile.
    if (alive.dead) throw new Crash(effect);
    if (fate === "crash_after") die();
    if (fate === "fail_after") throw new unavailable(`${effect} is done, and its answer is lost`);
    return answer;
  }

  async #objects<T>(effect: string, work: () => Promise<T>): Promise<T> {
    const fate = this.fates(`object.${effect}`);
    this.trace.push(`object.${effect} ${fate}`);
    const crash = (): never => {
      this.crashes += 1;
      throw new Crash(effect);
    };
    if (fate === "crash_before") crash();
    if (fate === "fail_before") {
      // Nobody knows yet, and then it arrives.
      if (effect === "put" && this.below(2) === 0) this.#late.push(() => void work());
      throw new Error("the bucket does not answer");
    }
    const answer = await work();
    if (fate === "crash_after") crash();
    if (fate === "fail_after") throw new Error("the bucket's answer is lost");
    return answer;
  }

  #put(key: string, ndjson: string, metadata: Record<string, string>): void {
    this.#lay(key, { bytes: gzipSync(ndjson, { level: 1 }), metadata });
  }

  #lay(key: string, object: StoredObject): void {
    this.#versions += 1;
    this.bucket.set(key, { ...object, version: this.#versions, modified_at: this.now });
  }

  #append(items: Parameters<typeof appendItems>[2]["items"]): void {
    const { events } = appendItems(this.store, this.state, { conversation_id: this.conversation, sender_id: "ann", items, create: null, alone: true },
      { settings: () => DEFAULT_SETTINGS, erased: (seqs) => this.sealing.erased(seqs) }, this.now);
    for (const { seq } of events) this.acknowledged.push(toSegmentEvent(this.store, this.state.record, this.store.readEvent(seq) as EventRecord));
  }

  /** Failures that are tried again, and crashes. Anything else is a fault of the program. */
  #survived(error: unknown, restart: () => void): void {
    if (error instanceof Crash) return restart();
    if (error instanceof StoreUnavailable || error instanceof BucketUnavailable || error instanceof EdgeUnavailable) return;
    if (error instanceof Error && error.message.startsWith("the bucket")) return;
    throw error;
  }
}
