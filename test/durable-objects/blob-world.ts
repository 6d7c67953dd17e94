// A content's Blob over a store of files in memory: real rows, alarms, and a death before or behind any effect on the store.
import { DatabaseSync } from "node:sqlite";
import { Content, type ContentPorts } from "../../durable-objects/blob/content.ts";
import { BlobStore } from "../../durable-objects/blob/store.ts";
import { mortalSql } from "../../durable-objects/platform/mortal-sql.ts";
import type { MediaReference, Upload } from "../../protocol/rpc/media.ts";
import { nodeSql } from "./sqlite.ts";

export const DAY = 86_400_000;
export const KEY = `m/${"ab".repeat(32)}`;
export const HELD = `h/${"ab".repeat(32)}`;
const PNG = Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52]);

/** The object died. */
export class Died extends Error {}

export class BlobWorld {
  database = new DatabaseSync(":memory:");
  now = Date.UTC(2026, 0, 1);
  kept = { retention_ms: 365 * DAY, grace_ms: 7 * DAY };
  /** What lies in the store, since when. */
  readonly objects = new Map<string, number>();
  /** Messages that stand, as their conversations say. */
  readonly standing = new Set<string>();
  /** Effects on the store until the object dies. */
  left = Number.POSITIVE_INFINITY;
  behind = false;
  /** Comes about while the store copies. */
  meanwhile: () => Promise<unknown> = async () => undefined;
  content!: Content;
  private life = 0;

  constructor() {
    this.wake();
  }

  wake(): void {
    const life = ++this.life;
    const store = new BlobStore(mortalSql(nodeSql(this.database), () => life === this.life));
    if (store.exists()) store.migrate();
    const ports: ContentPorts = {
      files: {
        head: async (key) => (this.objects.has(key) ? { size: PNG.length, etag: `"${this.objects.get(key)}"` } : null),
        readStart: async () => PNG,
        readHash: async () => "hash",
        copy: async ({ from, to }) => {
          const copied = await this.effect(() => {
            if (!this.objects.has(from)) return "absent";
            this.objects.set(to, this.now);
            return "copied";
          });
          await this.meanwhile();
          return copied;
        },
        remove: (key) => this.effect(() => void this.objects.delete(key)),
        recognize: async () => "image/png",
        verifies: true,
      },
      ask: async (conversationId, { references }) => references.map(({ sender_id, client_msg_id }) => (this.standing.has(`${conversationId} ${sender_id} ${client_msg_id}`) ? "stands" : "gone")),
      kept: () => this.kept,
      now: () => this.now,
      arm: () => undefined,
      failed: (_what, _where, error) => {
        if (error instanceof Died) throw error;
      },
      forget: async () => {
        this.database = new DatabaseSync(":memory:");
        this.wake();
      },
    };
    this.content = new Content(store, ports);
  }

  private async effect<T>(work: () => T): Promise<T> {
    this.left -= 1;
    if (this.left === 0 && !this.behind) this.die();
    const result = work();
    if (this.left === 0) this.die();
    return result;
  }

  private die(): never {
    this.wake();
    throw new Died();
  }

  /** A message with the content: uploaded, or sent on. */
  async send(reference: MediaReference, upload = true): Promise<boolean> {
    const key = `up/${reference.sender_id}/${reference.client_msg_id}`;
    if (upload) this.objects.set(key, this.now);
    const call: Upload | null = upload ? { key, kind: "image", content_type: "image/png", size: PNG.length, sha256: "hash", upload_id: null, created_at: this.now } : null;
    const claimed = await this.content.claim({ key: KEY, reference, upload: call });
    this.objects.delete(key);
    if (claimed.ok) this.standing.add(`${reference.conversation_id} ${reference.sender_id} ${reference.client_msg_id}`);
    return claimed.ok;
  }

  delete(reference: MediaReference, atOnce = false): void {
    this.standing.delete(`${reference.conversation_id} ${reference.sender_id} ${reference.client_msg_id}`);
    this.content.release([reference], atOnce);
  }

  /** What a rule of the store does: contents that were written before that go, held ones don't. */
  expire(): void {
    for (const [name, at] of this.objects) if (name.startsWith("m/") && this.now - at > this.kept.retention_ms) this.objects.delete(name);
  }

  /** Time passes, and everything that is due by then is done. */
  async pass(ms: number): Promise<void> {
    const until = this.now + ms;
    for (let rounds = 0; rounds < 100; rounds += 1) {
      const dues = this.content.tasks.flatMap((task) => task.dueAt(this.now) ?? []);
      const next = dues.length === 0 ? Number.POSITIVE_INFINITY : Math.max(this.now, Math.min(...dues));
      if (next > until) break;
      this.now = next;
      for (const task of this.content.tasks) {
        const due = task.dueAt(this.now);
        if (due !== null && due <= this.now) await task.run(this.now);
      }
    }
    this.now = Math.max(this.now, until);
  }

  sweep(dry_run = false): { name: string; fate: string }[] {
    const objects = [...this.objects].filter(([name]) => /^[mh]\//.test(name)).map(([name, at]) => ({ name, at }));
    return objects.length === 0 ? [] : this.content.keeping.sweep({ key: KEY, objects, now: this.now, dry_run });
  }

  located(): string | null {
    const located = this.content.locate();
    return located.ok && this.objects.has(located.object) ? located.object : null;
  }
}
