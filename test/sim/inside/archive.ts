// The archive's side: the bucket in memory, real archivers that live and die, the real store on SQLite in memory, and its reads.
import { HttpEdge } from "../../../archiver/edge.ts";
import { Archiver } from "../../../archiver/loop.ts";
import { ALONE } from "../../../archiver/membership.ts";
import { newMetrics } from "../../../archiver/metrics.ts";
import { newReadServer } from "../../../archiver/read-api.ts";
import { ReadSlots } from "../../../archiver/read-slots.ts";
import { restoreConversation, type RestoreReport } from "../../../archiver/restore/restore.ts";
import { BucketUnavailable, type ListedObject, type SegmentBucket, type StoredObject } from "../../../archiver/s3.ts";
import { SqliteStore } from "../../../archiver/stores/sqlite.ts";
import { type ArchiveStore, StoreUnavailable } from "../../../archiver/stores/store.ts";
import type { Chance } from "./chance.ts";
import { type Clock, newOwner, type Owner } from "./clock.ts";
import type { Faults } from "./faults.ts";
import { Lost, type Network } from "./network.ts";
import { MemoryDatabase } from "./runtime/node-modules.ts";

const RETENTION_S = 220_752_000;
const PASS_MS = 4_000;
/** Its gauges are the process's: made once. */
const metrics = newMetrics();
let store: SqliteStore | null = null;
let now: () => number = () => 0;

/** One database serves one world after the other: its schema is made once. */
async function emptyStore(): Promise<SqliteStore> {
  store ??= new SqliteStore("/nowhere", RETENTION_S, () => now());
  await store.open();
  for (const database of MemoryDatabase.opened) database.clear();
  return store;
}

export interface ArchivePorts {
  clock: Clock;
  chance: Chance;
  network: Network;
  readonly faults: () => Faults;
  secret: string;
  failed(what: string, error: unknown): void;
}

interface Lying extends StoredObject {
  version: number;
  modified_at: number;
}

export class Archive {
  readonly bucket = new Map<string, Lying>();
  readonly #ports: ArchivePorts;
  #store!: SqliteStore;
  #owner: Owner = newOwner("archiver");
  #lives = 0;
  #versions = 0;
  passes = 0;

  constructor(ports: ArchivePorts) {
    this.#ports = ports;
  }

  async open(): Promise<void> {
    now = () => this.#ports.clock.now;
    this.#store = await emptyStore();
    this.start();
  }

  get database(): MemoryDatabase {
    return MemoryDatabase.opened[0] as MemoryDatabase;
  }

  start(): void {
    const { clock } = this.#ports;
    this.#owner.alive = false;
    this.#owner = newOwner(`archiver#${++this.#lives}`);
    const owner = this.#owner;
    const archiver = this.#newArchiver();
    const pass = (): void => {
      this.passes += 1;
      const after = (): void => void clock.after(owner, PASS_MS, "archiver's pass", pass);
      archiver.pass().then(after, (error: unknown) => {
        if (!(error instanceof StoreUnavailable || error instanceof BucketUnavailable || (error as Error).name === "EdgeUnavailable")) this.#ports.failed("an archiver's pass", error);
        after();
      });
    };
    clock.after(owner, PASS_MS, "archiver's pass", pass);
  }

  stop(): void {
    this.#owner.alive = false;
  }

  /** The binding that conversations have. */
  binding(): object {
    const { chance, network, clock, faults } = this.#ports;
    const latency = () => chance.skewed(1, 200);
    return {
      put: (key: string, body: ArrayBuffer, { customMetadata }: { customMetadata: Record<string, string> }) => {
        const lay = () => this.#lay(key, { bytes: new Uint8Array(body), metadata: customMetadata });
        const fate = network.fate(faults().bucket);
        // Nobody knows yet, and then it arrives.
        if (fate === "lost" && chance.is(0.3)) clock.after(newOwner("a late PUT"), chance.skewed(500, 60_000), "late put", lay);
        return network.effect(`put ${key}`, fate, latency, lay);
      },
      head: (key: string) => network.effect(`head ${key}`, network.fate(faults().bucket), latency, () => {
        const object = this.bucket.get(key);
        return object === undefined ? null : { customMetadata: object.metadata };
      }),
    };
  }

  /** The read API, as the Worker reaches it. */
  read(url: string, init: RequestInit): Promise<Response> {
    const tools = { store: this.#store, secret: new TextEncoder().encode(this.#ports.secret), metrics, retentionS: RETENTION_S, now: () => this.#ports.clock.now, slots: new ReadSlots(100, metrics, () => 0) };
    const { listener } = newReadServer(tools) as unknown as { listener: (request: unknown, response: unknown) => void };
    const body = init.body as string;
    const headers = Object.fromEntries(Object.entries(init.headers as Record<string, string>).map(([name, value]) => [name.toLowerCase(), value]));
    return new Promise((resolve, reject) => {
      let status = 200;
      listener({
        method: init.method, url: new URL(url).pathname, headers,
        async *iterator() {
          yield Buffer.from(body);
        },
      }, {
        writeHead: (given: number) => (status = given),
        end: (text: string) => resolve(new Response(text, { status })),
        destroy: () => reject(new Lost("the archiver does not answer")),
      });
    });
  }

  /** What an operator does who knows that a conversation's storage is lost. */
  restore(conversation_id: string): Promise<RestoreReport> {
    const { clock } = this.#ports;
    const options = { force: false, members: null, upTo: null, acceptLoss: false };
    return restoreConversation(conversation_id, options, { ...this.#reach(), retentionS: RETENTION_S, now: () => clock.now, checkpoint: () => undefined });
  }

  #newArchiver(): Archiver {
    const { clock, chance } = this.#ports;
    return new Archiver({
      ...this.#reach(), metrics, retentionS: RETENTION_S, pollMs: PASS_MS, pollMaxMs: PASS_MS, sharing: ALONE, now: () => clock.now, random: () => chance.next(),
    }, new AbortController().signal);
  }

  /** The store, the bucket and the Worker, as a process of the archive reaches them. */
  #reach(): { store: ArchiveStore; bucket: SegmentBucket; edge: HttpEdge } {
    const { chance, network, faults, secret } = this.#ports;
    const through = <T>(what: string, unavailable: new (cause: unknown) => Error, work: () => T | Promise<T>) =>
      network.effect(what, network.fate(faults().bucket), () => chance.skewed(0, 20), work).catch((error: unknown) => {
        throw error instanceof Lost ? new unavailable(error) : error;
      });
    const guarded = new Proxy<ArchiveStore>(this.#store, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== "function") return member;
        return (...given: unknown[]) => through(`store.${String(name)}`, StoreUnavailable, () => Reflect.apply(member, target, given) as unknown);
      },
    });
    return { store: guarded, bucket: this.#archiversBucket(through), edge: new HttpEdge("https://chat.test", new TextEncoder().encode(secret)) };
  }

  #archiversBucket(through: <T>(what: string, unavailable: new (cause: unknown) => Error, work: () => T | Promise<T>) => Promise<T>): SegmentBucket {
    const { bucket } = this;
    const listed = (): ListedObject[] => [...bucket].toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, { bytes, version, modified_at }]) => ({ key, size: bytes.length, etag: `"${version}"`, modified_at }));
    return {
      async *list() {
        yield await through("list", BucketUnavailable, listed);
      },
      page: (after) => through("list", BucketUnavailable, () => ({ objects: listed().filter(({ key }) => key > after), more: false })),
      read: (key) => through(`read ${key}`, BucketUnavailable, () => bucket.get(key) ?? null),
      put: () => Promise.reject(new Error("an archiver puts nothing")),
      delete: (key) => through(`delete ${key}`, BucketUnavailable, () => void bucket.delete(key)),
      close: () => undefined,
    };
  }

  #lay(key: string, object: StoredObject): void {
    this.bucket.set(key, { ...object, version: ++this.#versions, modified_at: this.#ports.clock.now });
  }
}
