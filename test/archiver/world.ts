// An archiver in the test's own process, between a real bucket, a store and a fake edge; any of its effects can fail.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, vi } from "vitest";
import { HttpEdge } from "../../archiver/edge.ts";
import { Archiver, type LoopTools } from "../../archiver/loop.ts";
import { ALONE } from "../../archiver/membership.ts";
import { type Metrics, newMetrics } from "../../archiver/metrics.ts";
import { S3Bucket } from "../../archiver/s3.ts";
import { SqliteStore } from "../../archiver/stores/sqlite.ts";
import type { ArchiveStore } from "../../archiver/stores/store.ts";
import { FakeEdge, SECRET } from "./fake-edge.ts";
import type { Segment } from "./segments.ts";
import { TestBucket } from "./test-bucket.ts";

export const RETENTION_S = 220_752_000;

const undo: (() => Promise<void> | void)[] = [];
beforeEach(() => {
  // The log's lines, thousands of them.
  for (const method of ["log", "error"] as const) vi.spyOn(console, method).mockImplementation(() => undefined);
});
afterEach(async () => {
  for (const step of undo.splice(0).toReversed()) await step();
});

/** The process dies here. */
export class Crash extends Error {}

/** Called around each effect, such as `store.write`: by throwing it takes the effect's answer, or the effect itself. */
export type Around = (effect: string, work: () => Promise<unknown>) => Promise<unknown>;

function wrapped<T extends object>(name: string, target: T, around: Around, believes = true): T {
  return new Proxy(target, {
    get(object, method) {
      const member: unknown = Reflect.get(object, method, object);
      if (typeof member !== "function") return member;
      // Tests set the archiver's clock as they like; whether it is believed is one test's matter.
      if (method === "time") return () => (believes ? null : (Reflect.apply(member, object, []) as number | null));
      const call = (...args: unknown[]): unknown => Reflect.apply(member, object, args);
      if (method === "list" || method === "page" || method === "close") return call;
      return (...args: unknown[]) => around(`${name}.${String(method)}`, async () => call(...args));
    },
  });
}

export class World {
  readonly bucket: TestBucket;
  readonly edge: FakeEdge;
  readonly newStore: () => ArchiveStore;
  now: () => number = Date.now;
  /** False: the archiver's clock is held against the bucket's. */
  believesClock = true;

  constructor(bucket: TestBucket, edge: FakeEdge, newStore: () => ArchiveStore) {
    this.bucket = bucket;
    this.edge = edge;
    this.newStore = newStore;
  }

  /** @param newStore default: the embedded store in a fresh folder */
  static async make(newStore?: () => ArchiveStore): Promise<World> {
    const [bucket, edge] = await Promise.all([TestBucket.make(), new FakeEdge().open()]);
    const folder = mkdtempSync(path.join(tmpdir(), "confab-archive-"));
    undo.push(() => edge.close(), () => bucket.close(), () => rmSync(folder, { recursive: true }));
    return new World(bucket, edge, newStore ?? (() => new SqliteStore(folder, RETENTION_S, Date.now)));
  }

  async put(...segments: Segment[]): Promise<void> {
    for (const segment of segments) await this.bucket.put(segment);
  }

  /** A new archiver process, as it were. */
  archiver({ around = (_effect, work) => work(), signal = new AbortController().signal, ...more }: { around?: Around; signal?: AbortSignal } & Partial<LoopTools> = {}): { archiver: Archiver; store: ArchiveStore; metrics: Metrics } {
    const store = this.newStore();
    const bucket = new S3Bucket(this.bucket.config);
    undo.push(() => store.close(), () => bucket.close());
    const metrics = newMetrics();
    const edge = new HttpEdge(this.edge.url, new TextEncoder().encode(SECRET));
    const tools: LoopTools = {
      bucket: wrapped("bucket", bucket, around, this.believesClock), store: wrapped("store", store, around), edge: wrapped("edge", edge, around),
      metrics, retentionS: RETENTION_S, pollMs: 50, pollMaxMs: 50, sharing: ALONE, now: () => this.now(), random: Math.random, ...more,
    };
    return { archiver: new Archiver(tools, signal), store, metrics };
  }
}

export async function metric(metrics: Metrics, name: keyof Omit<Metrics, "registry">, labels: Record<string, string> = {}): Promise<number> {
  const { values } = await metrics[name].get();
  return values.filter((value) => Object.entries(labels).every(([label, wanted]) => (value.labels as Record<string, unknown>)[label] === wanted))
    .reduce((sum, { value }) => sum + value, 0);
}
